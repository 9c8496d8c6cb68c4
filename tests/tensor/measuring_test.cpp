#include <gtest/gtest.h>

#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/losses.h"
#include "tensor/allocator.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

/// A little network and its gradient, with all kinds of ops.
void train_once() {
  const Tensor weight = Tensor::zeros({16, 8, 3, 3}).trainable(), square = Tensor::zeros({16, 16}).trainable();
  const Tensor gain = Tensor::full({16}, 1).trainable(), bias = Tensor::zeros({16}).trainable();
  const Tensor x = Tensor::zeros({2, 12, 10, 8}), target = Tensor::zeros({2, 120, 16});
  const Tensor h = conv2d(x, weight, bias, {});
  const Tensor tokens = linear(silu(group_norm(h, gain, bias, 4, 1e-5)), square, {}).reshape({2, 120, 16});
  const Tensor y = attention(tokens, tokens, tokens, {.heads = 2});
  backward(mean_squared_error(y, target));
}

TEST(Measuring, GivesThePeakOfTheRealRun) {
  reset_peak_memory();
  const int64_t before = memory_use().live;
  train_once();
  const int64_t real = memory_use().peak - before;
  EXPECT_EQ(memory_use().live, before) << "something stayed behind";
  int64_t measured = 0;
  {
    const Measuring no_bytes;
    reset_peak_memory();
    train_once();
    measured = memory_use().peak - before;
  }
  EXPECT_EQ(memory_use().live, before);
  EXPECT_EQ(real, measured);
  EXPECT_GT(measured, 2 * 120 * 16 * 4);
}

TEST(Measuring, HandlesWhatNoMachineHolds) {
  const Measuring no_bytes;
  const Tensor x = Tensor::empty({1, 1 << 17, 1 << 17, 64});
  const Tensor y = conv2d(x, Tensor::empty({64, 64, 3, 3}), {}, {});
  EXPECT_EQ(y.shape(), x.shape());
  EXPECT_GE(memory_use().live, int64_t{2} << 42);
}

TEST(Measuring, EndsWithItsScope) {
  {
    const Measuring outer;
    {
      const Measuring inner;
    }
    EXPECT_TRUE(Measuring::active());
  }
  EXPECT_FALSE(Measuring::active());
  EXPECT_EQ(Tensor::full({3}, 2).view<float>()[2], 2);
}

}  // namespace
}  // namespace calotype

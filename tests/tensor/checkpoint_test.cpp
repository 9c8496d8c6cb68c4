#include "tensor/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/formula.h"
#include "ops/arithmetic.h"
#include "ops/linear.h"
#include "ops/reduce.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

Tensor noise(const char* name, Shape shape) {
  Tensor x = Tensor::empty(shape);
  fill_formula_noise(name, x.edit<float>());
  return x;
}

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a.shape(), b.shape());
  EXPECT_EQ(0, std::memcmp(a.data(), b.data(), bytes_of(a.dtype(), a.count())));
}

struct Block {
  Tensor weight = noise("weight", {16, 16}).trainable(), bias = noise("bias", {16}).trainable();

  Tensor operator()(const std::vector<Tensor>& in) const {
    const Tensor h = linear(silu(in[0]), weight, bias, Precision::f32, {.add = in[0]});
    return in.size() > 1 ? h * in[1] : h;
  }
};

struct Result {
  Tensor y;
  std::vector<Tensor> gradients;
};

/// Three blocks that share nothing but the picture; `wrap` calls each.
template <class Wrap>
Result run(const std::vector<Block>& blocks, const Tensor& x, const Tensor& gate, const Wrap& wrap) {
  Tensor h = x;
  for (const Block& block : blocks) h = wrap(block, {h, gate});
  Result result{.y = sum(h), .gradients = {}};
  const Gradients gradients = backward(result.y);
  for (const Block& block : blocks) {
    result.gradients.push_back(gradients.of(block.weight));
    result.gradients.push_back(gradients.of(block.bias));
  }
  if (x.tracked()) result.gradients.push_back(gradients.of(x));
  if (gate.tracked()) result.gradients.push_back(gradients.of(gate));
  return result;
}

Tensor plain(const Block& block, const std::vector<Tensor>& in) {
  return block(in);
}

Tensor checkpointed(const Block& block, std::vector<Tensor> in) {
  return checkpoint([&block](const std::vector<Tensor>& again) { return block(again); }, std::move(in));
}

TEST(Checkpoint, GivesTheBitsOfAPlainCall) {
  const std::vector<Block> blocks(3);
  for (const bool tracked : {true, false}) {
    const Tensor x = noise("x", {5, 16}), gate = noise("gate", {5, 16});
    const auto leaf = [&](const Tensor& t) { return tracked ? t.trainable() : t; };
    const Result a = run(blocks, leaf(x), leaf(gate), plain);
    const Result b = run(blocks, leaf(x), leaf(gate), checkpointed);
    expect_same_bits(a.y, b.y);
    ASSERT_EQ(a.gradients.size(), b.gradients.size());
    for (size_t i = 0; i < a.gradients.size(); ++i) expect_same_bits(a.gradients[i], b.gradients[i]);
  }
}

TEST(Checkpoint, MayLieInACheckpoint) {
  const std::vector<Block> blocks(2);
  const Tensor x = noise("x", {5, 16});
  const auto both = [&](const auto& wrap) {
    return [&, wrap](const std::vector<Tensor>& in) { return wrap(blocks[1], {wrap(blocks[0], {in[0]})}); };
  };
  const auto gradients_of = [&](const Tensor& y) {
    const Gradients gradients = backward(sum(y));
    return std::vector<Tensor>{gradients.of(blocks[0].weight), gradients.of(blocks[1].weight)};
  };
  const auto a = gradients_of(both(plain)({x}));
  const auto b = gradients_of(checkpoint(both(checkpointed), {x}));
  for (size_t i = 0; i < a.size(); ++i) expect_same_bits(a[i], b[i]);
}

TEST(Checkpoint, KeepsTheInputsAlone) {
  const std::vector<Block> blocks(1);
  const Tensor x = noise("x", {512, 16}).trainable();
  const auto several = [&](const std::vector<Tensor>& in) {
    Tensor h = in[0];
    for (int i = 0; i < 10; ++i) h = blocks[0]({h});
    return h;
  };
  const int64_t before = memory_use().live;
  const Tensor kept = several({x});
  const int64_t plainly = memory_use().live - before;
  const Tensor y = checkpoint(several, {x});
  const int64_t sparsely = memory_use().live - before - plainly;
  EXPECT_GE(plainly, 10 * x.count() * 4);
  EXPECT_LE(sparsely, x.count() * 4 + 4096);
}

TEST(Checkpoint, IsAPlainCallWhereNothingIsRecorded) {
  const NoGrad off;
  int calls = 0;
  const Tensor x = noise("x", {2});
  const Tensor y = checkpoint(
      [&](const std::vector<Tensor>& in) {
        ++calls;
        return in[0] * 2.0;
      },
      {x});
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(y.tracked());
}

TEST(Checkpoint, ABlockWithNothingToTrainLeavesNothing) {
  const Tensor x = noise("x", {2});
  const Tensor y = checkpoint([](const std::vector<Tensor>& in) { return in[0] * 2.0; }, {x});
  if (y.tracked()) {
    EXPECT_FALSE(backward(sum(y)).of(x));
  }
}

}  // namespace
}  // namespace calotype

#include "kernels/stored_weights.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"
#include "ops/conv2d.h"
#include "ops/embedding.h"
#include "ops/gradient_check.h"
#include "ops/linear.h"
#include "ops/structure.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

using testing::distance;
using testing::narrowed;
using testing::noise_tensor;

/// A weight as a file holds it, and the same widened.
struct Pair {
  Tensor stored, wide;

  Pair(const char* name, Shape shape, DType dtype) {
    const Tensor values = narrowed(noise_tensor(name, shape, 0.2));
    const auto owner = std::make_shared<testing::StoredWeights>(
        std::vector<float>(values.view<float>().begin(), values.view<float>().end()), dtype);
    stored = Tensor::borrowed(owner->view().data, shape, dtype, owner);
    wide = narrowed(Tensor::from<double>(owner->values(), shape));
  }
};

TEST(StoredWeights, ComputeAsTheirWidenedValuesDo) {
  for (const DType dtype : testing::kWeightTypes) {
    SCOPED_TRACE(name_of(dtype));
    const Tensor map = narrowed(noise_tensor("map", {2, 6, 5, 32}));
    const Pair conv("conv", {16, 32, 3, 3}, dtype), matrix("matrix", {16, 32}, dtype), table("table", {9, 32}, dtype);
    const Pair bias("bias", {16}, dtype == DType::q8_0 ? DType::f16 : dtype);
    const std::vector<int32_t> ids{8, 0, 3, 3};
    testing::for_each_isa([&] {
      const auto check_one =
          [&](const std::function<Tensor(const Tensor& x, const Tensor& weight, const Tensor& b)>& op,
              const Pair& weight) {
            const Tensor stored_x = map.trainable(), wide_x = map.trainable();
            const Tensor a = op(stored_x, weight.stored, bias.stored), b = op(wide_x, weight.wide, bias.wide);
            EXPECT_LE(distance(a, b), 1e-6);
            const Tensor dy = narrowed(noise_tensor("dy", a.shape()));
            EXPECT_LE(distance(backward(a, dy).of(stored_x), backward(b, dy).of(wide_x)), 1e-6);
          };
      check_one([](const Tensor& x, const Tensor& w, const Tensor& b) { return conv2d(x, w, b, {}); }, conv);
      check_one([](const Tensor& x, const Tensor& w, const Tensor& b) { return linear(x, w, b); }, matrix);
      EXPECT_EQ(0, distance(embedding(table.stored, ids), embedding(table.wide, ids)));
      EXPECT_EQ(0, distance(transpose(matrix.stored), transpose(matrix.wide)));
    });
  }
}

TEST(StoredWeights, TypesThatDoNotMixAreNamed) {
  const Tensor narrow = narrowed(noise_tensor("x", {2, 3})), wide = noise_tensor("w", {4, 3});
  try {
    linear(noise_tensor("x", {2, 3}), narrowed(wide), {});
    FAIL() << "f64 rows and f32 weights were multiplied";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("f32"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("f64"), std::string::npos) << error.what();
  }
  EXPECT_THROW(linear(narrow, narrowed(noise_tensor("w", {4, 5})), {}), Error);
}

TEST(Products, Bf16RoundsOperandsOnly) {
  // Operands keep 8 bits, half a unit each; over sums of many products the errors average.
  const Tensor x = narrowed(noise_tensor("x", {70, 64})), w = narrowed(noise_tensor("w", {48, 64}));
  testing::for_each_isa([&] {
    const auto run = [&](Precision precision) {
      const Tensor leaf = x.trainable(), weight = w.trainable();
      const Tensor y = linear(leaf, weight, {}, precision);
      const Gradients gradients = backward(y, narrowed(noise_tensor("dy", y.shape())));
      return std::vector<Tensor>{y, gradients.of(leaf), gradients.of(weight)};
    };
    const auto exact = run(Precision::f32), rounded = run(Precision::bf16);
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_LE(distance(rounded[i], exact[i]), 0x1p-8) << i;
  });
}

TEST(Products, SameBitsForAnyNumberOfThreads) {
  testing::expect_same_bits_for_any_threads([] {
    const Tensor x = narrowed(noise_tensor("x", {3, 20, 20, 24})).trainable();
    const Tensor w = narrowed(noise_tensor("w", {40, 24, 3, 3}, 0.1)).trainable();
    const Tensor gain = narrowed(noise_tensor("gain", {24})).trainable();
    const Tensor y = conv2d(silu(group_norm(x, gain, narrowed(noise_tensor("bias", {24})), 8, 1e-5)), w, {}, {});
    const Gradients gradients = backward(y, narrowed(noise_tensor("dy", y.shape())));
    std::vector<float> all;
    for (const Tensor& t : {y, gradients.of(x), gradients.of(w), gradients.of(gain)})
      all.insert(all.end(), t.view<float>().begin(), t.view<float>().end());
    return all;
  });
}

}  // namespace
}  // namespace calotype

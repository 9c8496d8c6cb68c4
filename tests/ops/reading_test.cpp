#include "ops/reading.h"

#include <gtest/gtest.h>

#include "kernels/testing.h"
#include "ops/conv2d.h"
#include "ops/gradient_check.h"
#include "ops/linear.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

using testing::distance;
using testing::narrowed;
using testing::noise_tensor;

// Sums of some hundred products, each good to half a rounding, and a norm's division by what cancels.
constexpr double kTolerance = 5e-6;

/// Which steps a reading has; written: each of them made a tensor at once.
struct Steps {
  bool concat, upsample, norm, silu, written;
};

struct Result {
  Tensor y;
  std::vector<Tensor> gradients;
};

Result with_gradients(const std::vector<Tensor>& inputs, const std::function<Tensor(const std::vector<Tensor>&)>& run) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs) leaves.push_back(input.trainable());
  Result result{.y = run(leaves), .gradients = {}};
  const Tensor dy = noise_tensor("dy", result.y.shape());
  const Gradients gradients = backward(result.y, result.y.dtype() == DType::f64 ? dy : narrowed(dy));
  for (const Tensor& leaf : leaves) result.gradients.push_back(gradients.of(leaf));
  return result;
}

void expect_near(const Result& ours, const Result& exact, const char* what) {
  EXPECT_LE(distance(ours.y, exact.y), kTolerance) << what;
  for (size_t i = 0; i < exact.gradients.size(); ++i) {
    ASSERT_EQ(bool(ours.gradients[i]), bool(exact.gradients[i])) << what << ", input " << i;
    if (!exact.gradients[i]) continue;
    EXPECT_LE(distance(ours.gradients[i], exact.gradients[i]), kTolerance) << what << ", input " << i;
  }
}

constexpr int64_t kFirst = 24, kSecond = 16, kOut = 32, kGroups = 8;  // with both, the fifth group straddles the seam

Reading read(const std::vector<Tensor>& in, const Steps& steps) {
  const auto step = [&](Reading x) { return steps.written ? Reading(std::move(x).tensor()) : x; };
  Reading x = in[0];
  if (steps.concat) x = step(concat(std::move(x), in[1]));
  if (steps.upsample) x = step(upsample(std::move(x)));
  if (steps.norm) x = step(group_norm(std::move(x), in[2], in[3], kGroups, 1e-5));
  if (steps.silu) x = step(silu(std::move(x)));
  return x;
}

std::vector<Tensor> inputs_of(const Steps& steps, int64_t kernel) {
  const int64_t channels = steps.concat ? kFirst + kSecond : kFirst;
  return {noise_tensor("first", {2, 6, 7, kFirst}, 1, 0.5),
          noise_tensor("second", {2, 6, 7, kSecond}),
          noise_tensor("gain", {channels}, 0.3, 1),
          noise_tensor("bias", {channels}),
          noise_tensor("w", {kOut, channels, kernel, kernel}, 0.1),
          noise_tensor("b", {kOut}),
          noise_tensor("offset", {2, kOut})};
}

std::vector<Tensor> all_narrowed(const std::vector<Tensor>& inputs) {
  std::vector<Tensor> narrow;
  for (const Tensor& input : inputs) narrow.push_back(narrowed(input));
  return narrow;
}

TEST(Reading, ConvolutionsReadEveryCombinationAsIfItWereWrittenOut) {
  for (int bits = 0; bits < 16; ++bits)
    for (const ConvOptions& options :
         {ConvOptions{}, ConvOptions{.stride = 2}, ConvOptions{.kernel = 1, .padding = 0}}) {
      Steps steps{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, false};
      const std::vector<Tensor> inputs = inputs_of(steps, options.kernel);
      const auto run = [&](const std::vector<Tensor>& in) {
        return conv2d(read(in, steps), in[4], in[5], options, {.offset = in[6]});
      };
      SCOPED_TRACE(fmt::format("concat {} upsample {} norm {} silu {}, kernel {}, stride {}", steps.concat,
                               steps.upsample, steps.norm, steps.silu, options.kernel, options.stride));
      const Result exact = with_gradients(inputs, run);
      testing::for_each_isa([&] {
        steps.written = false;
        expect_near(with_gradients(all_narrowed(inputs), run), exact, "fused");
        steps.written = true;
        expect_near(with_gradients(all_narrowed(inputs), run), exact, "written out");
      });
      steps.written = false;
    }
}

TEST(Reading, LinearReadsLayerNormAndWritesEveryEpilogue) {
  constexpr int64_t kIn = 48;
  for (const Activation activation :
       {Activation::none, Activation::silu, Activation::gelu, Activation::quick_gelu, Activation::geglu})
    for (int bits = 0; bits < 8; ++bits) {
      const bool norm = bits & 1, offset = bits & 2, add = bits & 4;
      const int64_t rows = activation == Activation::geglu ? 2 * kOut : kOut;
      const std::vector<Tensor> inputs{noise_tensor("x", {2, 19, kIn}, 1, 0.5),
                                       noise_tensor("gain", {kIn}, 0.3, 1),
                                       noise_tensor("bias", {kIn}),
                                       noise_tensor("w", {rows, kIn}, 0.2),
                                       noise_tensor("b", {rows}),
                                       noise_tensor("offset", {2, rows}),
                                       noise_tensor("add", {2, 19, kOut})};
      const auto run = [&](const std::vector<Tensor>& in) {
        Reading x = in[0];
        if (norm) x = layer_norm(std::move(x), in[1], in[2], 1e-5);
        Epilogue epilogue{.activation = activation};
        if (offset) epilogue.offset = in[5];
        if (add) epilogue.add = in[6];
        return linear(x, in[3], in[4], Precision::f32, epilogue);
      };
      SCOPED_TRACE(fmt::format("activation {} norm {} offset {} add {}", int(activation), norm, offset, add));
      const Result exact = with_gradients(inputs, run);
      testing::for_each_isa([&] {
        const std::vector<Tensor> narrow = all_narrowed(inputs);
        expect_near(with_gradients(narrow, run), exact, "recorded");
        expect_near({run(narrow), std::vector<Tensor>(inputs.size())}, {exact.y, std::vector<Tensor>(inputs.size())},
                    "not recorded");
      });
    }
}

TEST(Reading, WhatNoKernelFoldsIsWrittenOutFirst) {
  // A convolution of a layer norm, and a product of everything that a convolution reads.
  const std::vector<Tensor> inputs{noise_tensor("x", {2, 3, 4, 8}),          noise_tensor("other", {2, 3, 4, 8}),
                                   noise_tensor("gain", {16}, 0.3, 1),       noise_tensor("bias", {16}),
                                   noise_tensor("w", {kOut, 16, 3, 3}, 0.2), noise_tensor("flat", {kOut, 16}, 0.2)};
  const auto run = [](const std::vector<Tensor>& in) {
    const Reading both = concat(in[0], in[1]);
    const Tensor y = conv2d(silu(layer_norm(both, in[2], in[3], 1e-5)), in[4], {}, {});
    return linear(silu(group_norm(upsample(both), in[2], in[3], 4, 1e-5)), in[5], {}, Precision::f32,
                  {.add = upsample(y).tensor()});
  };
  const Result exact = with_gradients(inputs, run);
  testing::for_each_isa([&] { expect_near(with_gradients(all_narrowed(inputs), run), exact, "written out"); });
}

TEST(Reading, ARepeatedStepWritesOutWhatThereIs) {
  const Tensor x = narrowed(noise_tensor("x", {2, 4, 3, 8})), gain = narrowed(noise_tensor("gain", {8}));
  const Tensor bias = narrowed(noise_tensor("bias", {8}));
  const auto normed = [&](Reading r) { return group_norm(std::move(r), gain, bias, 4, 1e-5); };
  const auto same = [](const Reading& a, const Reading& b) { EXPECT_EQ(0, distance(a.tensor(), b.tensor())); };
  same(normed(silu(x)), normed(silu(x).tensor()));
  same(upsample(upsample(x)), upsample(upsample(x).tensor()));
  same(normed(normed(x)), normed(normed(x).tensor()));
  same(upsample(normed(x)), upsample(normed(x).tensor()));
  same(concat(silu(x), x), concat(silu(x).tensor(), x));
  same(layer_norm(normed(x), gain, bias, 1e-5), layer_norm(normed(x).tensor(), gain, bias, 1e-5));
  EXPECT_FALSE(normed(silu(x)).bare());
  EXPECT_TRUE(Reading(x).bare());
  EXPECT_EQ(Reading(x).tensor().storage(), x.storage());
}

TEST(Reading, AConvolutionsSumsServeTheNormAfterIt) {
  const Tensor x = narrowed(noise_tensor("x", {3, 9, 7, 16})), w = narrowed(noise_tensor("w", {32, 16, 3, 3}, 0.1));
  const Tensor gain = narrowed(noise_tensor("gain", {32})), bias = narrowed(noise_tensor("bias", {32}));
  testing::for_each_isa([&] {
    Tensor y = conv2d(x, w, {}, {});
    const auto norm = [&](const Tensor& t) { return group_norm(t, gain, bias, 8, 1e-5).tensor(); };
    EXPECT_LE(distance(norm(y), norm(y.clone())), kTolerance);
    EXPECT_LE(distance(norm(y.rows(1, 1)), norm(y.clone()).rows(1, 1)), kTolerance) << "a stretch has sums of its own";
    for (float& v : y.edit<float>()) v = 3 * v + 1;
    EXPECT_LE(distance(norm(y), norm(y.clone())), kTolerance) << "sums of what was there before the edit";
  });
}

TEST(Reading, AddendsWithoutAnotherOwnerAreWrittenOver) {
  const Tensor x = narrowed(noise_tensor("x", {2, 5, 6, 8})), w = narrowed(noise_tensor("w", {16, 8, 3, 3}));
  const Tensor flat = narrowed(noise_tensor("w", {16, 8})), add = narrowed(noise_tensor("add", {2, 5, 6, 16}));
  const auto check_one = [&](const std::function<Tensor(Epilogue)>& product) {
    const Tensor kept = product({.add = add});
    EXPECT_NE(kept.data(), add.data());
    EXPECT_EQ(0, distance(add, narrowed(noise_tensor("add", {2, 5, 6, 16}))));
    Tensor mine = add.clone();
    const void* bytes = mine.data();
    const Tensor over = product({.add = std::move(mine)});
    EXPECT_EQ(over.data(), bytes);
    EXPECT_EQ(0, distance(over, kept));
    const Tensor tracked = product({.add = add.clone().trainable()});
    EXPECT_EQ(0, distance(tracked, kept));
  };
  testing::for_each_isa([&] {
    check_one([&](Epilogue e) { return conv2d(x, w, {}, {}, std::move(e)); });
    check_one([&](Epilogue e) { return linear(x, flat, {}, Precision::f32, std::move(e)); });
  });
}

TEST(Reading, SmallerBatchesRepeat) {
  const Tensor x = narrowed(noise_tensor("x", {4, 3, 4, 8})), w = narrowed(noise_tensor("w", {16, 8, 3, 3}));
  const Tensor offset = narrowed(noise_tensor("offset", {2, 16})), add = narrowed(noise_tensor("add", {2, 3, 4, 16}));
  const Tensor y = conv2d(x, w, {}, {}, {.offset = offset, .add = add});
  for (int64_t b = 0; b < 4; ++b) {
    const Tensor alone = conv2d(x.rows(b, 1), w, {}, {}, {.offset = offset.rows(b % 2, 1), .add = add.rows(b % 2, 1)});
    EXPECT_EQ(0, distance(y.rows(b, 1), alone)) << "picture " << b << " has other bits alone";
  }
}

}  // namespace
}  // namespace calotype

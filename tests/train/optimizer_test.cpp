#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "train/ema.h"

namespace calotype {
namespace {

std::vector<NamedTensor> one_parameter(std::vector<float> values) {
  const auto count = static_cast<int64_t>(values.size());
  return {{"w", Tensor::from<float>(values, {count, 1}).trainable()}};
}

Gradients gradient_of_squares(const Tensor& w) {
  return backward(sum(w * w) * 0.5);
}

TEST(AdamW, FirstStepMovesByTheRateAgainstTheSign) {
  auto parameters = one_parameter({3, -2, 0.5f});
  AdamW adam(parameters, {.decay = 0});
  adam.step(gradient_of_squares(parameters[0].tensor), 0.1);
  const auto w = parameters[0].tensor.view<float>();
  EXPECT_NEAR(w[0], 2.9, 1e-6);
  EXPECT_NEAR(w[1], -1.9, 1e-6);
  EXPECT_NEAR(w[2], 0.4, 1e-6);
}

TEST(AdamW, DecayIsDecoupledAndMaySpareVectors) {
  Tensor vector = Tensor::full({2}, 1).trainable();
  std::vector<NamedTensor> parameters = one_parameter({1});
  parameters.push_back({"b", vector});
  AdamW adam(parameters, {.epsilon = 1e-8, .decay = 0.5, .decay_matrices_only = true});
  // Gradients of zero: only the decay acts.
  adam.step(backward(sum(parameters[0].tensor * 0.0) + sum(vector * 0.0)), 0.1);
  EXPECT_NEAR(parameters[0].tensor.view<float>()[0], 0.95, 1e-7);
  EXPECT_EQ(vector.view<float>()[0], 1);
}

TEST(AdamW, LeavesAloneWhatHasNoGradient) {
  auto parameters = one_parameter({1});
  parameters.push_back({"unused", Tensor::full({1}, 5).trainable()});
  AdamW adam(parameters, {});
  adam.step(gradient_of_squares(parameters[0].tensor), 0.1);
  EXPECT_EQ(parameters[1].tensor.view<float>()[0], 5);
}

TEST(ClipGradients, ScalesToTheLimitAndReportsTheLengthBefore) {
  auto parameters = one_parameter({3, 4});
  Gradients gradients = gradient_of_squares(parameters[0].tensor);
  const double norm = gradient_norm(parameters, gradients);
  EXPECT_NEAR(norm, 5, 1e-6);
  clip_gradients(parameters, gradients, norm, 1);
  EXPECT_NEAR(gradient_norm(parameters, gradients), 1, 1e-5);
  clip_gradients(parameters, gradients, 1, 10);
  EXPECT_NEAR(gradient_norm(parameters, gradients), 1, 1e-5);
}

TEST(Ema, FollowsAndSwaps) {
  auto parameters = one_parameter({0});
  Ema ema(parameters, {.kind = EmaDecay::Kind::ldm, .cap = 0.5});
  Tensor w = parameters[0].tensor;
  w.edit<float>()[0] = 11;
  ema.update();  // decay 2 / 11
  EXPECT_NEAR(ema.averages()[0].tensor.view<float>()[0], 9, 1e-5);
  {
    const Ema::Swapped averages(ema);
    EXPECT_NEAR(w.view<float>()[0], 9, 1e-5);
  }
  EXPECT_EQ(w.view<float>()[0], 11);
}

}  // namespace
}  // namespace calotype

#include "train/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace calotype {
namespace {

TEST(LearningRate, RisesStaysAndFalls) {
  const LearningRate rate{.base = 2, .warmup = 10, .total = 100, .decay_from = 0.5, .floor = 0.1};
  EXPECT_DOUBLE_EQ(rate.at(0), 0.2);
  EXPECT_DOUBLE_EQ(rate.at(9), 2);
  EXPECT_DOUBLE_EQ(rate.at(50), 2);
  EXPECT_NEAR(rate.at(75), 2 * (0.1 + 0.9 * 0.5), 1e-12);
  EXPECT_NEAR(rate.at(100), 0.2, 1e-12);
  for (int64_t n = 50; n < 100; ++n) EXPECT_GE(rate.at(n), rate.at(n + 1));
}

TEST(LearningRate, NoWarmupAndNoDecay) {
  const LearningRate rate{.base = 1, .warmup = 0, .total = 10, .decay_from = 1, .floor = 0};
  for (int64_t n = 0; n < 10; ++n) EXPECT_EQ(rate.at(n), 1);
}

TEST(EmaDecay, FollowsItsFormulas) {
  EXPECT_DOUBLE_EQ((EmaDecay{.kind = EmaDecay::Kind::ldm, .cap = 0.9999}.at(1)), 2.0 / 11);
  EXPECT_DOUBLE_EQ((EmaDecay{.kind = EmaDecay::Kind::ldm, .cap = 0.9}.at(1000000)), 0.9);
  // Power 2/3 reaches 0.999 at 31.6 thousand updates, 3/4 at ten thousand.
  EXPECT_NEAR((EmaDecay{.kind = EmaDecay::Kind::power, .cap = 1, .power = 2.0 / 3}.at(31622)), 0.999, 1e-6);
  EXPECT_NEAR((EmaDecay{.kind = EmaDecay::Kind::power, .cap = 1, .power = 0.75}.at(9999)), 0.999, 1e-6);
}

}  // namespace
}  // namespace calotype

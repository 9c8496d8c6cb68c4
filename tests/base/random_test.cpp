#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/device_random.h"
#include "base/numpy_random.h"

namespace calotype {
namespace {

template <class T>
std::vector<T> drawn(Rng& rng, size_t count) {
  std::vector<T> values(count);
  rng.normal(std::span<T>(values));
  return values;
}

void expect_near(std::span<const float> got, std::span<const float> want, float tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << i;
}

TEST(Rng, WordsAreThoseOfTheMersenneTwister) {
  Rng rng(5489);
  EXPECT_EQ(rng.next32(), 3499211612u);
  EXPECT_EQ(rng.next32(), 581869302u);
  EXPECT_EQ(Rng(42).next64(), uint64_t{1608637542u} << 32 | 3421126067u);
  EXPECT_EQ(Rng(uint64_t{1} << 32).next32(), Rng(0).next32());
  EXPECT_EQ(Rng(static_cast<uint64_t>(-1)).next32(), Rng(4294967295u).next32());
}

TEST(Rng, ScalarKernelIsTheOtherOneOfTorch) {
  Rng scalar(42, NormalKernel::scalar), vector(42);
  const std::vector<float> got = drawn<float>(scalar, 4096), other = drawn<float>(vector, 4096);
  const float want[] = {1.9269150495529175f, 1.4872841835021973f,  0.9007171988487244f,    -2.1055214405059814f,
                        0.6784184575080872f, -1.2345449924468994f, -0.043067481368780136f, -1.6046669483184814f};
  expect_near(std::span(got).first(8), want, 3e-7f);  // an ulp of the C library
  expect_near(got, other, 3e-6f);
}

TEST(Rng, SmallDrawsWaitInPairsAcrossLargeOnes) {
  Rng rng(7), pairs(7);
  const std::vector<float> four = drawn<float>(pairs, 4);
  drawn<float>(rng, 3);
  drawn<float>(rng, 16);
  EXPECT_EQ(drawn<float>(rng, 2)[0], four[3]);
  EXPECT_TRUE(drawn<float>(rng, 0).empty());
}

TEST(DeviceRng, DrawsAreNumbered) {
  // Seed 42, the first and the second draw.
  DeviceRng rng(42);
  std::vector<float> got(4);
  rng.normal(got);
  expect_near(got, std::vector<float>{0.19401887f, 2.1613739f, -0.17205095f, 0.84906f}, 2e-6f);
  rng.normal(got);
  expect_near(got, std::vector<float>{0.13913749f, -0.10821616f, -0.7174222f, 0.75664866f}, 2e-6f);
}

TEST(NumpyRng, NormalsOfTheReference) {
  NumpyRng rng(0);
  std::vector<double> got(4);
  rng.normal(std::span(got));
  const double want[] = {1.764052345967664, 0.4001572083672233, 0.9787379841057392, 2.240893199201458};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], 1e-14);
}

TEST(SeedSequence, WordsOfTheReference) {
  const auto words = [](SeedSequence sequence) {
    return std::vector{sequence.next(), sequence.next(), sequence.next(), sequence.next()};
  };
  EXPECT_EQ(words(SeedSequence(0)), (std::vector{4025752534u, 2687548107u, 2326983537u, 1576567101u}));
  EXPECT_EQ(words(SeedSequence(42)), (std::vector{387750627u, 2536650517u, 4078839648u, 2023786165u}));
  EXPECT_EQ(words(SeedSequence(42, {0, 0})), (std::vector{2102017995u, 2891809698u, 2144110403u, 379559146u}));
  EXPECT_EQ(words(SeedSequence((uint64_t{1} << 63) - 5, {5, 3})),
            (std::vector{2316882429u, 3583407542u, 4030476705u, 235162486u}));
}

TEST(CounterRng, NumbersDependOnTheAddressAlone) {
  CounterRng first(1, 2, 3), again(1, 2, 3);
  std::vector<float> a(100), b(100);
  first.normal(a);
  again.normal(b);
  EXPECT_EQ(a, b);
  for (CounterRng other : {CounterRng(0, 2, 3), CounterRng(uint64_t{1} << 32 | 1, 2, 3), CounterRng(1, 0, 3),
                           CounterRng(1, 2, 4), CounterRng(1, 2, uint64_t{1} << 32 | 3)}) {
    other.normal(b);
    EXPECT_NE(a, b);
  }
}

TEST(CounterRng, MomentsOfNormalsAndUniforms) {
  constexpr size_t kCount = 1 << 18;
  CounterRng rng(9, 0, 0);
  std::vector<float> values(kCount);
  rng.normal(values);
  double sum = 0, squares = 0, fourth = 0;
  for (const double x : values) sum += x, squares += x * x, fourth += x * x * x * x;
  // Five standard errors: of the mean 1, of the variance sqrt 2, of the fourth moment sqrt 96, over sqrt n.
  const double error = 5 / std::sqrt(kCount);
  EXPECT_NEAR(sum / kCount, 0, error);
  EXPECT_NEAR(squares / kCount, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(fourth / kCount, 3, error * std::sqrt(96.0));
  double uniforms = 0;
  for (size_t i = 0; i < kCount; ++i) uniforms += rng.uniform();
  EXPECT_NEAR(uniforms / kCount, 0.5, error / std::sqrt(12.0));
}

TEST(CounterRng, IntegersAndPermutationsStayInRange) {
  CounterRng rng(3, 1, 4);
  std::vector<int> seen(6);
  for (int i = 0; i < 6000; ++i) ++seen.at(rng.below(6));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 5 * std::sqrt(1000.0));
  EXPECT_EQ(rng.below(1), 0u);
  std::vector<int64_t> order = rng.permutation(50), sorted(50);
  std::iota(sorted.begin(), sorted.end(), 0);
  EXPECT_NE(order, sorted);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, sorted);
  EXPECT_TRUE(rng.permutation(0).empty());
}

}  // namespace
}  // namespace calotype

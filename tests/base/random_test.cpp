#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "support/golden_file.h"

namespace calotype {
namespace {

using testing::GoldenFile;

const GoldenFile& golden() {
  static const GoldenFile file("samplers/random");
  return file;
}

uint64_t seed_of(const nlohmann::json& row) {
  const auto& seed = row.at("seed");
  return seed.is_number_unsigned() ? seed.get<uint64_t>() : static_cast<uint64_t>(seed.get<int64_t>());
}

template <class T>
std::vector<T> drawn(Rng& rng, size_t count) {
  std::vector<T> values(count);
  rng.normal(std::span<T>(values));
  return values;
}

/// Adjacent halves of one sign differ by one in their bits.
template <class Half>
void expect_within_a_unit(const std::vector<Half>& got, const std::vector<uint16_t>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_LE(std::abs(int{got[i].bits} - int{want[i]}), 1) << i;
}

void expect_near(std::span<const float> got, std::span<const float> want, float tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << i;
}

uint32_t crc32(std::span<const float> values) {
  uint32_t crc = ~0u;
  for (const std::byte byte : std::as_bytes(values)) {
    crc ^= std::to_integer<uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

TEST(Rng, WordsAreThoseOfTheMersenneTwister) {
  Rng rng(5489);
  EXPECT_EQ(rng.next32(), 3499211612u);
  EXPECT_EQ(rng.next32(), 581869302u);
  EXPECT_EQ(Rng(42).next64(), uint64_t{1608637542u} << 32 | 3421126067u);
  EXPECT_EQ(Rng(uint64_t{1} << 32).next32(), Rng(0).next32());
  EXPECT_EQ(Rng(static_cast<uint64_t>(-1)).next32(), Rng(4294967295u).next32());
}

TEST(Rng, NormalsAreTorchs) {
  for (const auto& row : golden().json().at("torch")) {
    const std::string type = row.at("dtype");
    SCOPED_TRACE(row.dump().substr(0, 120));
    Rng rng(seed_of(row));
    const size_t count = row.at("n");
    if (!row.contains("values")) {  // a large draw, known by its sums and the checksum of its bytes
      const std::vector<float> got = drawn<float>(rng, count);
      const std::vector<float> first = row.at("first");
      EXPECT_TRUE(std::equal(first.begin(), first.end(), got.begin()));
      EXPECT_EQ(crc32(got), row.at("crc32").get<uint32_t>());
      continue;
    }
    const std::string name = row.at("values");
    if (type == "f32") {
      const std::vector<float> want = golden().values<float>(name), got = drawn<float>(rng, count);
      if (count >= 16) {
        EXPECT_EQ(std::memcmp(got.data(), want.data(), count * sizeof(float)), 0);
      } else {
        expect_near(got, want, 1e-5f);
      }
    } else if (type == "f64") {
      const std::vector<double> want = golden().values<double>(name), got = drawn<double>(rng, count);
      for (size_t i = 0; i < count; ++i) ASSERT_NEAR(got[i], want[i], 1e-14) << i;
    } else if (type == "f16") {
      expect_within_a_unit(drawn<Float16>(rng, count), golden().values<uint16_t>(name));
    } else {
      expect_within_a_unit(drawn<BFloat16>(rng, count), golden().values<uint16_t>(name));
    }
    EXPECT_EQ(rng.uniform(), row.at("next_uniform").get<float>()) << "another number of words was used";
  }
}

TEST(Rng, HalvesAsOlderTorchFilledThem) {
  for (const auto& row : golden().json().at("torch_half_old")) {
    SCOPED_TRACE(row.dump());
    Rng rng(seed_of(row));
    const auto want = golden().values<uint16_t>(row.at("values"));
    if (row.at("dtype") == "f16") {
      std::vector<Float16> got(want.size());
      rng.normal(std::span(got), HalfFill::native);
      expect_within_a_unit(got, want);
    } else {
      std::vector<BFloat16> got(want.size());
      rng.normal(std::span(got), HalfFill::native);
      expect_within_a_unit(got, want);
    }
  }
}

TEST(Rng, DrawsFollowOnEachOther) {
  for (const auto& row : golden().json().at("torch_sequences")) {
    SCOPED_TRACE(row.dump());
    Rng rng(seed_of(row));
    std::vector<float> got;
    for (const size_t size : row.at("sizes")) {
      const std::vector<float> part = drawn<float>(rng, size);
      got.insert(got.end(), part.begin(), part.end());
    }
    expect_near(got, golden().values<float>(row.at("values")), 1e-5f);
  }
}

TEST(Rng, UniformsIntegersAndPermutations) {
  for (const auto& row : golden().json().at("torch_uniform")) {
    Rng rng(seed_of(row));
    for (const float want : row.at("f32")) EXPECT_EQ(rng.uniform(), want);
    for (const double want : row.at("then_f64")) EXPECT_EQ(rng.uniform64(), want);
    for (const uint32_t want : row.at("then_randint_1000")) EXPECT_EQ(rng.below(1000), want);
    EXPECT_EQ(rng.permutation(10), row.at("then_randperm_10").get<std::vector<int64_t>>());
  }
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

TEST(Philox, WordsOfTheReference) {
  for (const auto& row : golden().json().at("philox")) {
    const uint64_t seed = row.at("seed");
    const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
    EXPECT_EQ(philox({0, 0, 0, 0}, key), (row.at("raw_first").get<std::array<uint32_t, 4>>()));
    EXPECT_EQ(philox({0, 0, 1, 0}, key), (row.at("raw_second").get<std::array<uint32_t, 4>>()));
  }
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

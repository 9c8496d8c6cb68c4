#include "base/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.h"

namespace calotype {
namespace {

// What IEEE 754 says a half is, in double.
double half_value(uint32_t bits) {
  const double sign = bits & 0x8000u ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 10 & 31u), mantissa = static_cast<int>(bits & 1023u);
  if (exponent == 31) return mantissa ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  return sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24));
}

float next_up(float value) {
  return std::nextafter(value, std::numeric_limits<float>::infinity());
}
float next_down(float value) {
  return std::nextafter(value, -std::numeric_limits<float>::infinity());
}

TEST(DType, EveryHalfWidensExactly) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = to_float(Float16{static_cast<uint16_t>(bits)});
    const double expected = half_value(bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
    } else {
      ASSERT_EQ(value, expected) << bits;
      ASSERT_EQ(std::signbit(value), (bits & 0x8000u) != 0) << bits;
    }
  }
}

TEST(DType, EveryHalfSurvivesTheWayThereAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const uint32_t back = to_float16(to_float(half)).bits;
    if (std::isnan(half_value(bits))) {
      ASSERT_TRUE(std::isnan(half_value(back))) << bits;
    } else {
      ASSERT_EQ(back, bits);
    }
  }
}

// Between two neighbours lies one midpoint: a float, as is the next number on either side of it. These decide rounding.
TEST(DType, HalvesRoundToNearestAndTiesToEvenAtEveryMidpoint) {
  for (uint32_t sign : {0u, 0x8000u}) {
    for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
      const auto low = static_cast<float>(half_value(bits)), high = static_cast<float>(half_value(bits + 1));
      const float middle = low + (high - low) / 2;
      const float flip = sign ? -1 : 1;
      ASSERT_EQ(to_float16(flip * next_down(middle)).bits, sign | bits);
      ASSERT_EQ(to_float16(flip * middle).bits, sign | (bits + bits % 2));
      ASSERT_EQ(to_float16(flip * next_up(middle)).bits, sign | (bits + 1));
    }
  }
}

TEST(DType, HalvesOverflowToInfinityFromTheMidpointOn) {
  EXPECT_EQ(to_float16(65504).bits, 0x7bff);
  EXPECT_EQ(to_float16(next_down(65520)).bits, 0x7bff);
  EXPECT_EQ(to_float16(65520).bits, 0x7c00);
  EXPECT_EQ(to_float16(-65520).bits, 0xfc00);
  EXPECT_EQ(to_float16(std::numeric_limits<float>::max()).bits, 0x7c00);
  EXPECT_EQ(to_float16(-std::numeric_limits<float>::infinity()).bits, 0xfc00);
}

TEST(DType, NotANumberStaysOneAndNeverBecomesInfinite) {
  for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff800001u, 0xffffffffu}) {
    const auto value = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(to_float(to_float16(value)))) << bits;
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(value)))) << bits;
  }
}

TEST(DType, EveryBFloatIsTheUpperHalfOfAFloat) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = to_float(BFloat16{static_cast<uint16_t>(bits)});
    ASSERT_EQ(std::bit_cast<uint32_t>(value), bits << 16);
    if (!std::isnan(value)) {
      ASSERT_EQ(to_bfloat16(value).bits, bits);
    }
  }
}

TEST(DType, BFloatsRoundToNearestAndTiesToEvenAtEveryMidpoint) {
  for (uint32_t sign : {0u, 0x8000u}) {
    for (uint32_t bits = 0; bits < 0x7f80; ++bits) {
      const uint32_t middle = (sign | bits) << 16 | 0x8000u;
      ASSERT_EQ(to_bfloat16(std::bit_cast<float>(middle - 1)).bits, sign | bits);
      ASSERT_EQ(to_bfloat16(std::bit_cast<float>(middle)).bits, sign | (bits + bits % 2));
      ASSERT_EQ(to_bfloat16(std::bit_cast<float>(middle + 1)).bits, sign | (bits + 1));
    }
  }
}

TEST(DType, CountsBytes) {
  EXPECT_EQ(bytes_of(DType::f32, 3), 12);
  EXPECT_EQ(bytes_of(DType::f64, 3), 24);
  EXPECT_EQ(bytes_of(DType::f16, 3), 6);
  EXPECT_EQ(bytes_of(DType::bf16, 3), 6);
  EXPECT_EQ(bytes_of(DType::i64, 3), 24);
  EXPECT_EQ(bytes_of(DType::u8, 3), 3);
  EXPECT_EQ(bytes_of(DType::q8_0, 0), 0);
  EXPECT_EQ(bytes_of(DType::q8_0, 32), 34);
  EXPECT_EQ(bytes_of(DType::q8_0, 33), 68);
}

/// The stored elements at an odd address, as weights lie in some files.
template <class T>
std::vector<float> widened(const std::vector<T>& stored, DType dtype, int64_t first, int64_t count) {
  std::vector<uint8_t> bytes(stored.size() * sizeof(T) + 1);
  if (!stored.empty()) std::memcpy(bytes.data() + 1, stored.data(), bytes.size() - 1);
  std::vector<float> out(count);
  widen(bytes.data() + 1, dtype, first, count, out.data());
  return out;
}

TEST(Widen, TakesAnyStretchOfAnyType) {
  std::vector<float> values(41);
  std::vector<Float16> halves(41);
  std::vector<BFloat16> bfloats(41);
  for (int i = 0; i < 41; ++i) {
    values[i] = 0.25f * static_cast<float>(i - 20);
    halves[i] = to_float16(values[i]);
    bfloats[i] = to_bfloat16(values[i]);
  }
  for (const int64_t first : {0, 1, 7, 40, 41}) {
    const int64_t count = 41 - first;
    const std::vector<float> expected(values.begin() + first, values.end());
    EXPECT_EQ(widened(values, DType::f32, first, count), expected);
    EXPECT_EQ(widened(halves, DType::f16, first, count), expected);
    EXPECT_EQ(widened(bfloats, DType::bf16, first, count), expected);
  }
}

TEST(Widen, TakesAnyStretchOfBlocks) {
  std::vector<uint8_t> blocks(3 * 34);
  for (int block = 0; block < 3; ++block) {
    const Float16 scale = to_float16(0.5f + static_cast<float>(block));
    std::memcpy(&blocks[block * 34], &scale, 2);
    for (int i = 0; i < 32; ++i) blocks[block * 34 + 2 + i] = static_cast<uint8_t>(i * 8 - 128);
  }
  for (const int64_t first : {0, 1, 31, 32, 50, 95}) {
    const std::vector<float> out = widened(blocks, DType::q8_0, first, 96 - first);
    for (int64_t i = 0; i < 96 - first; ++i) {
      const int64_t at = first + i;
      ASSERT_EQ(out[i], (0.5f + static_cast<float>(at / 32)) * static_cast<float>(at % 32 * 8 - 128)) << at;
    }
  }
}

TEST(Widen, RefusesWhatIsNoWeight) {
  float out = 0;
  const int32_t id = 7;
  EXPECT_THROW(widen(&id, DType::i32, 0, 1, &out), Error);
}

}  // namespace
}  // namespace calotype

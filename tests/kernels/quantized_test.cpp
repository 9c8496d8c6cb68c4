#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/blocks.h"
#include "base/isa.h"
#include "kernels/linear.h"

namespace calotype::kernels {
namespace {

constexpr DType kTypes[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                            DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k};

/// Bytes of all kinds, whose every half that could be a scale is a small number.
std::vector<uint8_t> some_blocks(int64_t bytes) {
  std::vector<uint8_t> blocks(static_cast<size_t>(bytes));
  uint32_t state = 1;
  for (uint8_t& byte : blocks) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24 & 0xbf);  // neither infinite nor above 2 as a half
  }
  return blocks;
}

// With the identity for an input a product gives the weights back, in bf16 rounded: each sum has one term that is not
// zero.
TEST(Quantized, EveryInstructionSetReadsTheSameBits) {
  constexpr int64_t kIn = 512, kOut = 7;
  std::vector<float> identity(kIn * kIn, 0.0f);
  for (int64_t i = 0; i < kIn; ++i) identity[i * kIn + i] = 1;
  for (const DType dtype : kTypes) {
    const std::vector<uint8_t> blocks = some_blocks(bytes_of(dtype, kIn * kOut) + 1);
    const uint8_t* unaligned = blocks.data() + 1;
    std::vector<float> want(kIn * kOut);
    widen(unaligned, dtype, 0, kIn * kOut, want.data());
    for (const Isa set : supported_isas()) {
      force_isa(set);
      for (const Precision precision : {Precision::f32, Precision::bf16}) {
        std::vector<float> y(kIn * kOut);
        Linear problem{
            .rows = kIn, .in = kIn, .out = kOut, .x = identity.data(), .norm = {}, .weight = {unaligned, dtype}};
        problem.y = y.data();
        problem.precision = precision;
        linear(problem);
        const bool rounded = in_use(precision) == Precision::bf16;
        for (int64_t o = 0; o < kOut; ++o)
          for (int64_t i = 0; i < kIn; ++i) {
            const float weight = want[o * kIn + i];
            ASSERT_EQ(y[i * kOut + o], rounded ? to_float(to_bfloat16(weight)) : weight)
                << name_of(dtype) << " " << name_of(set) << " " << name_of(precision) << " " << o << " " << i;
          }
      }
    }
  }
  force_isa(supported_isas().back());
}

TEST(Quantized, AnyPartOfARowIsRead) {
  for (const DType dtype : kTypes) {
    const std::vector<uint8_t> blocks = some_blocks(bytes_of(dtype, 1024));
    std::vector<float> all(1024);
    widen(blocks.data(), dtype, 0, 1024, all.data());
    for (int64_t first = 0; first < 700; first += 61) {
      std::vector<float> part(300);
      widen(blocks.data(), dtype, first, 300, part.data());
      EXPECT_EQ(std::memcmp(part.data(), &all[first], 300 * sizeof(float)), 0) << name_of(dtype) << " " << first;
    }
  }
}

}  // namespace
}  // namespace calotype::kernels

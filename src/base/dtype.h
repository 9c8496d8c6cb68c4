#pragma once

#include <cstdint>
#include <string_view>

namespace calotype {

/// How an element is stored. What is computed is f32 (f64 in gradient tests); f16, bf16 and the types in blocks
/// (base/blocks.h), q8_0 the best of them, are only ever weights.
enum class DType : uint8_t {
  f32,
  f64,
  f16,
  bf16,
  q8_0,
  i32,
  i64,
  u8,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k
};

const char* name_of(DType dtype);

/// Bytes of `count` elements, of types in blocks those of the blocks they begin.
int64_t bytes_of(DType dtype, int64_t count);

/// IEEE half precision, by its bits.
struct Float16 {
  uint16_t bits;
};
/// The upper half of a float, by its bits.
struct BFloat16 {
  uint16_t bits;
};

float to_float(Float16 value);
float to_float(BFloat16 value);
/// Rounds to nearest, ties to even; values beyond the range become infinite, NaN stays NaN.
Float16 to_float16(float value);
BFloat16 to_bfloat16(float value);

template <class T>
constexpr DType kDTypeOf = DType::u8;
template <>
inline constexpr DType kDTypeOf<float> = DType::f32;
template <>
inline constexpr DType kDTypeOf<double> = DType::f64;
template <>
inline constexpr DType kDTypeOf<Float16> = DType::f16;
template <>
inline constexpr DType kDTypeOf<BFloat16> = DType::bf16;
template <>
inline constexpr DType kDTypeOf<int32_t> = DType::i32;
template <>
inline constexpr DType kDTypeOf<int64_t> = DType::i64;

/// Widens `count` stored elements (f32, f16, bf16 or a type in blocks) beginning at element `first` to f32. `data` has
/// any address.
void widen(const void* data, DType dtype, int64_t first, int64_t count, float* out);

}  // namespace calotype

#include "base/dtype.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include "base/blocks.h"
#include "base/error.h"

namespace calotype {
namespace {

/// Element `index` of an array that may lie at any address, as weights do in some files.
template <class T>
T load(const void* data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const std::byte*>(data) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

}  // namespace

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::f16:
      return "f16";
    case DType::bf16:
      return "bf16";
    case DType::q8_0:
      return "q8_0";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::u8:
      return "u8";
    case DType::q4_0:
      return "q4_0";
    case DType::q4_1:
      return "q4_1";
    case DType::q5_0:
      return "q5_0";
    case DType::q5_1:
      return "q5_1";
    case DType::q2_k:
      return "q2_k";
    case DType::q3_k:
      return "q3_k";
    case DType::q4_k:
      return "q4_k";
    case DType::q5_k:
      return "q5_k";
    case DType::q6_k:
      return "q6_k";
  }
  return "?";
}

int64_t bytes_of(DType dtype, int64_t count) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return count * 4;
    case DType::f64:
    case DType::i64:
      return count * 8;
    case DType::f16:
    case DType::bf16:
      return count * 2;
    case DType::u8:
      return count;
    default:
      break;
  }
  const BlockSize block = block_size(dtype);
  return (count + block.elements - 1) / block.elements * block.bytes;
}

float to_float(Float16 value) {
  const uint32_t sign = uint32_t{value.bits & 0x8000u} << 16;
  const uint32_t exponent = (value.bits >> 10) & 31, mantissa = value.bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

float to_float(BFloat16 value) {
  return std::bit_cast<float>(uint32_t{value.bits} << 16);
}

Float16 to_float16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return {static_cast<uint16_t>(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu))};
  if (magnitude >= 0x477ff000u) return {static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) {  // below the smallest normal half: let the float adder round to multiples of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u))};
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13))};
}

BFloat16 to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>(bits >> 16 | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16)};
}

void widen(const void* data, DType dtype, int64_t first, int64_t count, float* out) {
  if (count == 0) return;  // then `out` may be null
  switch (dtype) {
    case DType::f32:
      std::memcpy(out, static_cast<const std::byte*>(data) + first * 4, count * sizeof(float));
      return;
    case DType::f16:
      for (int64_t i = 0; i < count; ++i) out[i] = to_float(load<Float16>(data, first + i));
      return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i) out[i] = to_float(load<BFloat16>(data, first + i));
      return;
    default:
      check(is_in_blocks(dtype), "widen: {} is no floating type of weights", name_of(dtype));
      widen_blocks(data, dtype, first, count, out);
  }
}

}  // namespace calotype

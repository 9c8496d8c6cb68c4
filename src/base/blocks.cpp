#include "base/blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace calotype {
namespace {

float half_at(const uint8_t* from) {
  Float16 value;
  std::memcpy(&value.bits, from, 2);
  return to_float(value);
}

void put_half(float value, uint8_t* to) {
  const Float16 half = to_float16(value);
  std::memcpy(to, &half.bits, 2);
}

uint32_t word_at(const uint8_t* from) {
  uint32_t value;
  std::memcpy(&value, from, 4);
  return value;
}

int low(uint8_t byte) {
  return byte & 15;
}
int high(uint8_t byte) {
  return byte >> 4;
}

void widen_q4_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(low(block[2 + j]) - 8);
    out[j + 16] = d * static_cast<float>(high(block[2 + j]) - 8);
  }
}

void widen_q4_1(const uint8_t* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(low(block[4 + j])) + m;
    out[j + 16] = d * static_cast<float>(high(block[4 + j])) + m;
  }
}

/// The fifth bit of element j.
int fifth(uint32_t bits, int j) {
  return static_cast<int>(bits >> j & 1) << 4;
}

void widen_q5_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  const uint32_t bits = word_at(block + 2);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>((low(block[6 + j]) | fifth(bits, j)) - 16);
    out[j + 16] = d * static_cast<float>((high(block[6 + j]) | fifth(bits, j + 16)) - 16);
  }
}

void widen_q5_1(const uint8_t* block, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const uint32_t bits = word_at(block + 4);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(low(block[8 + j]) | fifth(bits, j)) + m;
    out[j + 16] = d * static_cast<float>(high(block[8 + j]) | fifth(bits, j + 16)) + m;
  }
}

void widen_q8_0(const uint8_t* block, float* out) {
  const float d = half_at(block);
  for (int j = 0; j < 32; ++j) out[j] = d * static_cast<float>(static_cast<int8_t>(block[2 + j]));
}

// 16 bytes of scales and offsets, 64 of two-bit numbers, d, the offsets' scale.
void widen_q2_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 80), offset = half_at(block + 82);
  for (int i = 0; i < 256; ++i) {
    const uint8_t scale = block[i / 16];
    const int q = block[16 + 32 * (i / 128) + i % 32] >> (2 * (i / 32 % 4)) & 3;
    out[i] = d * static_cast<float>(low(scale)) * static_cast<float>(q) - offset * static_cast<float>(high(scale));
  }
}

// 32 bytes of third bits, 64 of the lower two, 12 of six-bit scales, d.
void widen_q3_k(const uint8_t* block, float* out) {
  const uint8_t* scales = block + 96;
  const float d = half_at(block + 108);
  for (int k = 0; k < 16; ++k) {
    const int bottom = k < 8 ? low(scales[k]) : high(scales[k - 8]);
    const int top = scales[8 + k % 4] >> (2 * (k / 4)) & 3;
    const float scale = d * static_cast<float>((bottom | top << 4) - 32);
    for (int i = 16 * k; i < 16 * (k + 1); ++i) {
      const int a = i / 128, j = i / 32 % 4, l = i % 32;
      const int third = block[l] >> (4 * a + j) & 1;
      out[i] = scale * static_cast<float>((block[32 + 32 * a + l] >> (2 * j) & 3) - (third ? 0 : 4));
    }
  }
}

/// Scale and offset of sub-block j of q4_k and q5_k, six bits each.
void scale_and_offset(const uint8_t* bytes, int j, int& scale, int& offset) {
  if (j < 4) {
    scale = bytes[j] & 63;
    offset = bytes[j + 4] & 63;
  } else {
    scale = low(bytes[j + 4]) | bytes[j - 4] >> 6 << 4;
    offset = high(bytes[j + 4]) | bytes[j] >> 6 << 4;
  }
}

// d, the offsets' scale, 12 bytes of scales; q5_k: 32 bytes of fifth bits; 128 of lower four.
void widen_q45_k(const uint8_t* block, bool five, float* out) {
  const float d = half_at(block), m = half_at(block + 2);
  const uint8_t* fifths = block + 16;
  const uint8_t* nibbles = block + (five ? 48 : 16);
  for (int j = 0; j < 8; ++j) {
    int scale, offset;
    scale_and_offset(block + 4, j, scale, offset);
    const float by = d * static_cast<float>(scale), less = m * static_cast<float>(offset);
    for (int l = 0; l < 32; ++l) {
      const uint8_t byte = nibbles[32 * (j / 2) + l];
      const int q = (j % 2 ? high(byte) : low(byte)) | (five && fifths[l] >> j & 1 ? 16 : 0);
      out[32 * j + l] = by * static_cast<float>(q) - less;
    }
  }
}

// 128 bytes of lower four bits, 64 of upper two, 16 signed scales, d.
void widen_q6_k(const uint8_t* block, float* out) {
  const float d = half_at(block + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* bottom = block + 64 * half;
    const uint8_t* top = block + 128 + 32 * half;
    const auto* scales = reinterpret_cast<const int8_t*>(block + 192 + 8 * half);
    for (int part = 0; part < 4; ++part)
      for (int l = 0; l < 32; ++l) {
        const uint8_t byte = bottom[l + 32 * (part % 2)];
        const int q = (part < 2 ? low(byte) : high(byte)) | (top[l] >> (2 * part) & 3) << 4;
        out[128 * half + 32 * part + l] =
            d * static_cast<float>(scales[l / 16 + 2 * part]) * static_cast<float>(q - 32);
      }
  }
}

}  // namespace

BlockSize block_size(DType dtype) {
  switch (dtype) {
    case DType::q4_0:
      return {32, 18};
    case DType::q4_1:
      return {32, 20};
    case DType::q5_0:
      return {32, 22};
    case DType::q5_1:
      return {32, 24};
    case DType::q8_0:
      return {32, 34};
    case DType::q2_k:
      return {256, 84};
    case DType::q3_k:
      return {256, 110};
    case DType::q4_k:
      return {256, 144};
    case DType::q5_k:
      return {256, 176};
    case DType::q6_k:
      return {256, 210};
    default:
      return {1, bytes_of(dtype, 1)};
  }
}

bool is_in_blocks(DType dtype) {
  return block_size(dtype).elements > 1;
}

void widen_block(DType dtype, const void* block, float* out) {
  const auto* bytes = static_cast<const uint8_t*>(block);
  switch (dtype) {
    case DType::q4_0:
      return widen_q4_0(bytes, out);
    case DType::q4_1:
      return widen_q4_1(bytes, out);
    case DType::q5_0:
      return widen_q5_0(bytes, out);
    case DType::q5_1:
      return widen_q5_1(bytes, out);
    case DType::q8_0:
      return widen_q8_0(bytes, out);
    case DType::q2_k:
      return widen_q2_k(bytes, out);
    case DType::q3_k:
      return widen_q3_k(bytes, out);
    case DType::q4_k:
      return widen_q45_k(bytes, false, out);
    case DType::q5_k:
      return widen_q45_k(bytes, true, out);
    case DType::q6_k:
      return widen_q6_k(bytes, out);
    default:
      fail(ErrorKind::internal, "widen_block: {} has no blocks", name_of(dtype));
  }
}

void widen_blocks(const void* data, DType dtype, int64_t first, int64_t count, float* out) {
  const BlockSize size = block_size(dtype);
  const auto* block = static_cast<const uint8_t*>(data) + first / size.elements * size.bytes;
  float values[256];
  for (int64_t skip = first % size.elements; count > 0; skip = 0, block += size.bytes) {
    const int64_t length = std::min(size.elements - skip, count);
    if (length == size.elements) {
      widen_block(dtype, block, out);
    } else {
      widen_block(dtype, block, values);
      std::copy_n(values + skip, length, out);
    }
    out += length;
    count -= length;
  }
}

void narrow_block(DType dtype, const float* values, void* block) {
  auto* bytes = static_cast<uint8_t*>(block);
  float greatest = 0;  // of the magnitudes, sign kept
  for (int i = 0; i < 32; ++i)
    if (std::fabs(values[i]) > std::fabs(greatest)) greatest = values[i];
  if (dtype == DType::q8_0) {
    const float d = std::fabs(greatest) / 127, inverse = d != 0 ? 1 / d : 0;
    put_half(d, bytes);
    for (int i = 0; i < 32; ++i) {
      // A value that is no number, or an infinite scale, leaves nothing to round; the scale in front tells.
      const float q = std::clamp(std::round(values[i] * inverse), -127.0f, 127.0f);
      bytes[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::isnan(q) ? 0 : q));
    }
    return;
  }
  check(dtype == DType::q4_0, "narrow_block: {} is not written", name_of(dtype));
  const float d = greatest / -8, inverse = d != 0 ? 1 / d : 0;
  put_half(d, bytes);
  const auto quantized = [&](float value) {
    const float q = value * inverse + 8.5f;
    return std::isnan(q) ? 8 : static_cast<int>(std::clamp(q, 0.0f, 15.0f));
  };
  for (int j = 0; j < 16; ++j)
    bytes[2 + j] = static_cast<uint8_t>(quantized(values[j]) | quantized(values[j + 16]) << 4);
}

}  // namespace calotype

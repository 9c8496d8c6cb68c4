// Weights in blocks (base/blocks.h), widened a block at a time: the numbers are unpacked to bytes by loops that
// compilers vectorise, then scaled. The same bits as the plain code in base/.
#if defined(CALOTYPE_KERNELS_QUANTIZED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_QUANTIZED_INL_H_
#undef CALOTYPE_KERNELS_QUANTIZED_INL_H_
#else
#define CALOTYPE_KERNELS_QUANTIZED_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/blocks.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

inline float scale_at(const uint8_t* from) {
  Float16 half;
  std::memcpy(&half.bits, from, 2);
  return to_float(half);
}

/// out[i] = scale * q[i], 16 or 32 of them.
template <int kCount>
HWY_INLINE void scale_bytes(const int8_t* HWY_RESTRICT q, float scale, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 16> floats;
  const hn::Rebind<int8_t, decltype(floats)> bytes;
  const hn::RebindToSigned<decltype(floats)> ints;
  const auto by = hn::Set(floats, scale);
  for (int i = 0; i < kCount; i += static_cast<int>(hn::Lanes(floats)))
    hn::StoreU(hn::Mul(hn::ConvertTo(floats, hn::PromoteTo(ints, hn::LoadU(bytes, q + i))), by), floats, out + i);
}

/// out[i] = scale * q[i] + offset: the product is exact, so it does not matter whether both are done in one.
template <int kCount>
HWY_INLINE void scale_bytes(const int8_t* HWY_RESTRICT q, float scale, float offset, float* HWY_RESTRICT out) {
  const hn::CappedTag<float, 16> floats;
  const hn::Rebind<int8_t, decltype(floats)> bytes;
  const hn::RebindToSigned<decltype(floats)> ints;
  const auto by = hn::Set(floats, scale), more = hn::Set(floats, offset);
  for (int i = 0; i < kCount; i += static_cast<int>(hn::Lanes(floats)))
    hn::StoreU(hn::MulAdd(hn::ConvertTo(floats, hn::PromoteTo(ints, hn::LoadU(bytes, q + i))), by, more), floats,
               out + i);
}

/// 16 bytes hold elements 0..15 in their lower halves, 16..31 in the upper ones.
HWY_INLINE void unpack_nibbles(const uint8_t* HWY_RESTRICT from, int minus, int8_t* HWY_RESTRICT q) {
  for (int j = 0; j < 16; ++j) {
    q[j] = static_cast<int8_t>((from[j] & 15) - minus);
    q[j + 16] = static_cast<int8_t>((from[j] >> 4) - minus);
  }
}

/// The same with fifth bits: bit j of the word belongs to element j.
HWY_INLINE void unpack_fifths(const uint8_t* word, const uint8_t* HWY_RESTRICT from, int minus,
                              int8_t* HWY_RESTRICT q) {
  uint32_t bits;
  std::memcpy(&bits, word, 4);
  for (int j = 0; j < 16; ++j) {
    q[j] = static_cast<int8_t>(((from[j] & 15) | (bits >> j & 1) << 4) - minus);
    q[j + 16] = static_cast<int8_t>(((from[j] >> 4) | (bits >> (j + 16) & 1) << 4) - minus);
  }
}

HWY_INLINE void widen_q45_k(const uint8_t* HWY_RESTRICT block, bool five, float* HWY_RESTRICT out) {
  const float d = scale_at(block), m = scale_at(block + 2);
  const uint8_t* s = block + 4;
  const uint8_t* fifths = block + 16;
  const uint8_t* nibbles = block + (five ? 48 : 16);
  HWY_ALIGN int8_t q[32];
  for (int j = 0; j < 8; ++j) {
    const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
    const int offset = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
    const uint8_t* from = nibbles + 32 * (j / 2);
    const int shift = j % 2 * 4;
    for (int l = 0; l < 32; ++l) q[l] = static_cast<int8_t>(from[l] >> shift & 15);
    if (five)
      for (int l = 0; l < 32; ++l) q[l] = static_cast<int8_t>(q[l] | (fifths[l] >> j & 1) << 4);
    scale_bytes<32>(q, d * static_cast<float>(scale), -(m * static_cast<float>(offset)), out + 32 * j);
  }
}

HWY_INLINE void widen_q6_k(const uint8_t* HWY_RESTRICT block, float* HWY_RESTRICT out) {
  const float d = scale_at(block + 208);
  HWY_ALIGN int8_t q[32];
  for (int part = 0; part < 8; ++part) {
    const int half = part / 4, quarter = part % 4;
    const uint8_t* bottom = block + 64 * half + 32 * (quarter % 2);
    const uint8_t* top = block + 128 + 32 * half;
    const auto* scales = reinterpret_cast<const int8_t*>(block + 192 + 8 * half + 2 * quarter);
    const int shift = quarter < 2 ? 0 : 4;
    for (int l = 0; l < 32; ++l)
      q[l] = static_cast<int8_t>(((bottom[l] >> shift & 15) | (top[l] >> (2 * quarter) & 3) << 4) - 32);
    scale_bytes<16>(q, d * static_cast<float>(scales[0]), out + 32 * part);
    scale_bytes<16>(q + 16, d * static_cast<float>(scales[1]), out + 32 * part + 16);
  }
}

/// A whole block.
HWY_INLINE void widen_whole_block(DType dtype, const uint8_t* HWY_RESTRICT block, float* HWY_RESTRICT out) {
  HWY_ALIGN int8_t q[32];
  switch (dtype) {
    case DType::q4_0:
      unpack_nibbles(block + 2, 8, q);
      return scale_bytes<32>(q, scale_at(block), out);
    case DType::q4_1:
      unpack_nibbles(block + 4, 0, q);
      return scale_bytes<32>(q, scale_at(block), scale_at(block + 2), out);
    case DType::q5_0:
      unpack_fifths(block + 2, block + 6, 16, q);
      return scale_bytes<32>(q, scale_at(block), out);
    case DType::q5_1:
      unpack_fifths(block + 4, block + 8, 0, q);
      return scale_bytes<32>(q, scale_at(block), scale_at(block + 2), out);
    case DType::q8_0:
      return scale_bytes<32>(reinterpret_cast<const int8_t*>(block + 2), scale_at(block), out);
    case DType::q4_k:
      return widen_q45_k(block, false, out);
    case DType::q5_k:
      return widen_q45_k(block, true, out);
    case DType::q6_k:
      return widen_q6_k(block, out);
    default:  // the two smallest, which hardly any file has
      return widen_block(dtype, block, out);
  }
}

/// Elements [first, first + count) of a row of blocks; neither pointer need be aligned.
inline void widen_row_of_blocks(DType dtype, const uint8_t* data, int64_t first, int64_t count, float* out) {
  const BlockSize size = block_size(dtype);
  const uint8_t* block = data + first / size.elements * size.bytes;
  HWY_ALIGN float values[256];
  for (int64_t skip = first % size.elements; count > 0; skip = 0, block += size.bytes) {
    const int64_t length = std::min(size.elements - skip, count);
    if (length == size.elements) {
      widen_whole_block(dtype, block, out);
    } else {
      widen_whole_block(dtype, block, values);
      std::copy_n(values + skip, length, out);
    }
    out += length;
    count -= length;
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// How operands reach the panels of tile-inl.h: [K][width] floats, aligned, width one or two vectors.
#if defined(CALOTYPE_KERNELS_PANEL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_PANEL_INL_H_
#undef CALOTYPE_KERNELS_PANEL_INL_H_
#else
#define CALOTYPE_KERNELS_PANEL_INL_H_
#endif

#include <cstring>

#include "kernels/linear.h"
#include "kernels/quantized-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// out[i] = element first + i of the weights, as f32. Neither pointer need be aligned, not even to an element.
inline void widen_weights(const Weights& weights, int64_t first, int64_t count, float* HWY_RESTRICT out) {
  using U16 = hn::Rebind<uint16_t, FloatTag>;
  using U32 = hn::RebindToUnsigned<FloatTag>;
  const auto* bytes = static_cast<const uint8_t*>(weights.data);
  // Sixteen-bit types: the last few elements go through a buffer, so that nothing beyond them is read or written.
  const auto widen_halves = [&](auto widen) HWY_ATTR {
    const auto* from = reinterpret_cast<const uint16_t*>(bytes + 2 * first);
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) hn::StoreU(widen(hn::LoadU(U16(), from + i)), kFloat, out + i);
    if (i < count) {
      HWY_ALIGN uint16_t halves[kLanes] = {};
      HWY_ALIGN float floats[kLanes];
      std::memcpy(halves, from + i, 2 * (count - i));
      hn::Store(widen(hn::Load(U16(), halves)), kFloat, floats);
      std::memcpy(out + i, floats, 4 * (count - i));
    }
  };
  switch (weights.dtype) {
    case DType::f32:
      std::memcpy(out, bytes + 4 * first, 4 * count);
      return;
    case DType::f16:
      widen_halves([](auto v) HWY_ATTR {
        return hn::PromoteTo(kFloat, hn::BitCast(hn::Rebind<hwy::float16_t, FloatTag>(), v));
      });
      return;
    case DType::bf16:
      widen_halves([](auto v) HWY_ATTR { return hn::BitCast(kFloat, hn::ShiftLeft<16>(hn::PromoteTo(U32(), v))); });
      return;
    default:
      widen_row_of_blocks(weights.dtype, bytes, first, count, out);
  }
}

/// Asks for weights that will be read soon: rows of a file lie too far apart for the processor to guess.
HWY_INLINE void fetch_weights(const Weights& weights, int64_t first, int64_t count) {
  const char* from = static_cast<const char*>(weights.data) + bytes_of(weights.dtype, first);
  const int64_t bytes = bytes_of(weights.dtype, count);
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i, 0, 2);
}

using EightTag = hn::CappedTag<float, 8>;

/// to[k * to_stride + r] = rows[r][k] for eight rows and eight k (four and four where vectors hold four).
inline constexpr int64_t kBlock = hn::MaxLanes(EightTag());

HWY_INLINE void transpose_block(const float* HWY_RESTRICT from, int64_t from_stride, float* HWY_RESTRICT to,
                                int64_t to_stride) {
  const EightTag tag;
  const auto low = [&](auto a, auto b) HWY_ATTR { return hn::InterleaveLower(tag, a, b); };
  const auto high = [&](auto a, auto b) HWY_ATTR { return hn::InterleaveUpper(tag, a, b); };
  const hn::Repartition<double, EightTag> pairs;
  const auto low_pairs = [&](auto a, auto b) HWY_ATTR {
    return hn::BitCast(tag, hn::InterleaveLower(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  const auto high_pairs = [&](auto a, auto b) HWY_ATTR {
    return hn::BitCast(tag, hn::InterleaveUpper(pairs, hn::BitCast(pairs, a), hn::BitCast(pairs, b)));
  };
  const auto row = [&](int r) HWY_ATTR { return hn::LoadU(tag, from + r * from_stride); };
  // Four rows at a time: quad q holds, in each half of eight lanes, column q (and q + 4) of those rows.
  const auto quads = [&](int first, auto& quad) HWY_ATTR {
    const auto r0 = row(first), r1 = row(first + 1), r2 = row(first + 2), r3 = row(first + 3);
    const auto a = low(r0, r1), b = high(r0, r1), c = low(r2, r3), d = high(r2, r3);
    quad[0] = low_pairs(a, c);
    quad[1] = high_pairs(a, c);
    quad[2] = low_pairs(b, d);
    quad[3] = high_pairs(b, d);
  };
  hn::Vec<EightTag> upper[4];
  quads(0, upper);
  if constexpr (kBlock == 4) {
    CALOTYPE_UNROLL
    for (int q = 0; q < 4; ++q) hn::StoreU(upper[q], tag, to + q * to_stride);
  } else {
    hn::Vec<EightTag> lower[4];
    quads(4, lower);
    CALOTYPE_UNROLL
    for (int q = 0; q < 4; ++q) {
      hn::StoreU(hn::ConcatLowerLower(tag, lower[q], upper[q]), tag, to + q * to_stride);
      hn::StoreU(hn::ConcatUpperUpper(tag, lower[q], upper[q]), tag, to + (q + 4) * to_stride);
    }
  }
}

/// panel[k * panel_stride + r] = from[r * from_stride + k] for r < rows, zero for rows <= r < width.
inline void transpose_to_panel(const float* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t width,
                               float* panel, int64_t panel_stride) {
  for (int64_t r = 0; r < width; r += kBlock) {
    const int64_t height = std::clamp<int64_t>(rows - r, 0, kBlock);
    int64_t k = 0;
    if (height == kBlock)
      for (; k + kBlock <= depth; k += kBlock)
        transpose_block(from + r * from_stride + k, from_stride, panel + k * panel_stride + r, panel_stride);
    for (; k < depth; ++k)
      for (int64_t i = 0; i < kBlock; ++i)
        panel[k * panel_stride + r + i] = i < height ? from[(r + i) * from_stride + k] : 0.0f;
  }
}
inline void transpose_to_panel(const float* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t width,
                               float* panel) {
  transpose_to_panel(from, from_stride, rows, depth, width, panel, width);
}

/// panel[k * width + j] = from[k * from_stride + j] for j < columns, zero for columns <= j < width.
inline void copy_to_panel(const float* from, int64_t from_stride, int64_t columns, int64_t depth, int64_t width,
                          float* HWY_RESTRICT panel) {
  if (columns >= width) {
    for (int64_t k = 0; k < depth; ++k)
      for (int64_t j = 0; j < width; j += kLanes)
        hn::Store(hn::LoadU(kFloat, from + k * from_stride + j), kFloat, panel + k * width + j);
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    std::memcpy(panel + k * width, from + k * from_stride, columns * sizeof(float));
    std::fill(panel + k * width + columns, panel + (k + 1) * width, 0.0f);
  }
}

/// How a product holds its operands: as units of 32 bits along K, here one f32 each. InBf16 (bf16-inl.h) has pairs.
struct InF32 {
  static constexpr int64_t kPerUnit = 1;
  static constexpr int64_t units(int64_t floats) { return floats; }

  static void multiply_tile(int rows, int vectors, const Left& left, const float* panel, float* c, int64_t c_stride,
                            bool accumulate) {
    HWY_NAMESPACE::multiply_tile(rows, vectors, left, panel, c, c_stride, accumulate);
  }
  static void pack_row(const float* from, int64_t count, float* to) { std::memcpy(to, from, count * sizeof(float)); }
  /// Rows of `depth` floats become columns of a panel, zeros up to its width.
  static void pack_across(const float* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t width,
                          float* panel) {
    transpose_to_panel(from, from_stride, rows, depth, width, panel);
  }
  /// `depth` rows of `columns` floats become the rows of a panel.
  static void pack_along(const float* from, int64_t from_stride, int64_t columns, int64_t depth, int64_t width,
                         float* panel) {
    copy_to_panel(from, from_stride, columns, depth, width, panel);
  }
};

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

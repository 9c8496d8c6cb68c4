// Products of bf16 with sums in f32, for processors that have the instruction (vdpbf16ps). Two neighbours along K make
// one unit of 32 bits, the first in its lower half: rows, panels and loops are those of f32 with units for floats.
// Highway 1.0.3 knows neither the instruction nor a target with it; so this belongs to the AVX-512 target, and the few
// functions that need more name it. Included once per instruction set, empty for all others.
#if defined(CALOTYPE_KERNELS_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_BF16_INL_H_
#undef CALOTYPE_KERNELS_BF16_INL_H_
#else
#define CALOTYPE_KERNELS_BF16_INL_H_
#endif

#include "kernels/panel-inl.h"
#include "kernels/tile-inl.h"
#include "kernels/vector-inl.h"

#undef CALOTYPE_HAS_BF16
#if HWY_ARCH_X86 && HWY_TARGET == HWY_AVX3
#define CALOTYPE_HAS_BF16 1
#define CALOTYPE_BF16 __attribute__((target("avx512bf16")))

#include <immintrin.h>

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr int64_t units_of(int64_t floats) {
  return (floats + 1) / 2;
}

/// sum + the products of both bf16 of each lane, the upper ones first. Rounds as the processor does: each of the two
/// additions to nearest, denormals as zero.
CALOTYPE_BF16 HWY_INLINE FloatVec add_pairs(FloatVec left, FloatVec right, FloatVec sum) {
  return FloatVec{_mm512_dpbf16_ps(sum.raw, (__m512bh)left.raw, (__m512bh)right.raw)};
}

/// Units of 32 floats: unit i of the result holds floats 2i and 2i + 1, `low` the first sixteen.
CALOTYPE_BF16 HWY_INLINE FloatVec pairs_along(FloatVec low, FloatVec high) {
  return FloatVec{(__m512)_mm512_cvtne2ps_pbh(high.raw, low.raw)};
}

/// Unit i of the result holds lane i of `first` and of `second`.
CALOTYPE_BF16 HWY_INLINE FloatVec pairs_across(FloatVec first, FloatVec second) {
  const auto halves = (__m512i)_mm512_cvtne2ps_pbh(second.raw, first.raw);
  alignas(64) static constexpr uint16_t kZip[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return FloatVec{_mm512_castsi512_ps(_mm512_permutexvar_epi16(_mm512_load_si512(kZip), halves))};
}

/// to[i] = floats 2i and 2i + 1 as a unit; behind an odd last one comes zero. Reads and writes nothing beyond. `to` may
/// be `from`.
CALOTYPE_BF16 inline void to_units(const float* from, int64_t count, float* to) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes)
    hn::StoreU(pairs_along(hn::LoadU(kFloat, from + i), hn::LoadU(kFloat, from + i + kLanes)), kFloat, to + i / 2);
  if (i == count) return;
  const FloatVec low = load_first(from + i, std::min(kLanes, count - i));
  const FloatVec high = load_first(from + i + kLanes, std::max<int64_t>(0, count - i - kLanes));
  store_first(pairs_along(low, high), to + i / 2, units_of(count - i));
}

/// The same from `count` f16 at any address.
CALOTYPE_BF16 inline void halves_to_units(const void* from, int64_t count, float* to) {
  const auto wide = [](const void* at) __attribute__((always_inline, target("avx512f,avx512bf16"))) {
    return FloatVec{_mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(at)))};
  };
  const auto* halves = static_cast<const uint8_t*>(from);
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes)
    hn::StoreU(pairs_along(wide(halves + 2 * i), wide(halves + 2 * (i + kLanes))), kFloat, to + i / 2);
  if (i == count) return;
  alignas(64) uint16_t rest[2 * kLanes] = {};
  std::memcpy(rest, halves + 2 * i, 2 * (count - i));
  store_first(pairs_along(wide(rest), wide(rest + kLanes)), to + i / 2, units_of(count - i));
}

/// kSteps units of K; as in f32.
template <int kSteps, int kRows, int kVectors>
CALOTYPE_BF16 HWY_INLINE void add_unit_steps(const float* HWY_RESTRICT (&bases)[(kRows + 2) / 3], int64_t stride,
                                             const float* HWY_RESTRICT& panel, Sums<kRows, kVectors>& sums) {
  CALOTYPE_UNROLL
  for (int u = 0; u < kSteps; ++u) {
    FloatVec right[kVectors];
    CALOTYPE_UNROLL
    for (int j = 0; j < kVectors; ++j) right[j] = hn::Load(kFloat, panel + (u * kVectors + j) * kLanes);
    CALOTYPE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const FloatVec left = hn::Set(kFloat, bases[i / 3][i % 3 * stride + u]);
      CALOTYPE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = add_pairs(left, right[j], sums[i][j]);
    }
  }
  CALOTYPE_UNROLL
  for (int i = 0; i < (kRows + 2) / 3; ++i) bases[i] += kSteps;
  panel += kSteps * kVectors * kLanes;
}

/// tile() on units; the left operand is one run.
template <int kVectors, int kRows>
CALOTYPE_BF16 void unit_tile(const Left& left, const float* HWY_RESTRICT panel, float* HWY_RESTRICT c, int64_t c_stride,
                             bool accumulate) {
  Sums<kRows, kVectors> sums;
  clear_sums<kRows, kVectors>(sums);
  const int64_t stride = left.row_stride;
  const float* HWY_RESTRICT bases[(kRows + 2) / 3];
  CALOTYPE_UNROLL
  for (int i = 0; i < (kRows + 2) / 3; ++i) bases[i] = left.data + 3 * i * stride;
  int64_t k = left.run;
  for (; k >= 2; k -= 2) add_unit_steps<2, kRows, kVectors>(bases, stride, panel, sums);
  if (k > 0) add_unit_steps<1, kRows, kVectors>(bases, stride, panel, sums);
  store_sums<kRows, kVectors>(sums, c, c_stride, accumulate);
}

template <int kVectors, int... kIndices>
constexpr auto unit_tile_table(std::integer_sequence<int, kIndices...>) {
  return std::array<TileFunction, sizeof...(kIndices) + 1>{nullptr, unit_tile<kVectors, kIndices + 1>...};
}

/// The operands of a product as units of bf16: what a product's kernels are given in place of InF32.
struct InBf16 {
  static constexpr int64_t kPerUnit = 2;
  static constexpr int64_t units(int64_t floats) { return units_of(floats); }

  static void multiply_tile(int rows, int vectors, const Left& left, const float* panel, float* c, int64_t c_stride,
                            bool accumulate) {
    static constexpr auto kFull = unit_tile_table<2>(std::make_integer_sequence<int, kTileRows>());
    static constexpr auto kHalf = unit_tile_table<1>(std::make_integer_sequence<int, kHalfTileRows>());
    (vectors == 2 ? kFull[rows] : kHalf[rows])(left, panel, c, c_stride, accumulate);
  }

  static void pack_row(const float* from, int64_t count, float* to) { to_units(from, count, to); }
  /// Rows of floats become columns of a panel.
  static void pack_across(const float* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t width,
                          float* panel) {
    constexpr int64_t kUnits = 256;
    HWY_ALIGN float buffer[kBlock * kUnits];
    for (int64_t k = 0; k < units_of(depth); k += kUnits) {
      const int64_t floats = std::min(2 * kUnits, depth - 2 * k);
      for (int64_t r = 0; r < width; r += kBlock) {
        const int64_t height = std::clamp<int64_t>(rows - r, 0, kBlock);
        for (int64_t i = 0; i < height; ++i)
          to_units(from + (r + i) * from_stride + 2 * k, floats, buffer + i * kUnits);
        transpose_to_panel(buffer, kUnits, height, units_of(floats), kBlock, panel + k * width + r, width);
      }
    }
  }

  /// Rows of floats are the steps of K.
  CALOTYPE_BF16 static void pack_along(const float* from, int64_t from_stride, int64_t columns, int64_t depth,
                                       int64_t width, float* panel) {
    for (int64_t k = 0; k < depth; k += 2)
      for (int64_t j = 0; j < width; j += kLanes) {
        const int64_t count = std::clamp<int64_t>(columns - j, 0, kLanes);
        const float* const row = from + k * from_stride + j;
        const FloatVec first = load_first(row, count);
        const FloatVec second = k + 1 < depth ? load_first(row + from_stride, count) : hn::Zero(kFloat);
        hn::Store(pairs_across(first, second), kFloat, panel + k / 2 * width + j);
      }
  }
};

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // AVX-512
#endif

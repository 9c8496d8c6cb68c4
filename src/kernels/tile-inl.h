// The register tile that every product is made of. Included once per instruction set, by sources that
// hwy/foreach_target.h compiles (dispatch.h): hence the guard that flips.
#if defined(CALOTYPE_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_TILE_INL_H_
#undef CALOTYPE_KERNELS_TILE_INL_H_
#else
#define CALOTYPE_KERNELS_TILE_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "kernels/operands.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
inline constexpr FloatTag kFloat;
inline constexpr int64_t kLanes = hn::MaxLanes(FloatTag());
/// Columns of a full panel: two vectors. The last panel of a matrix may be half as wide.
inline constexpr int64_t kPanel = 2 * kLanes;
/// Rows of the tallest tile: two vectors a row, all in registers (16 of them in AVX2, else 32).
inline constexpr int kTileRows = HWY_TARGET == HWY_AVX2 ? 6 : 12;
/// Rows of the tallest tile of a half panel.
inline constexpr int kHalfTileRows = 12;

// Without it g++ 12 keeps the sums in memory.
#define CALOTYPE_UNROLL _Pragma("GCC unroll 16")
#define CALOTYPE_UNROLL_TWICE _Pragma("GCC unroll 2")

template <int kRows, int kVectors>
using Sums = FloatVec[kRows][kVectors];

template <int kRows, int kVectors>
HWY_INLINE void clear_sums(Sums<kRows, kVectors>& sums) {
  CALOTYPE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    CALOTYPE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::Zero(kFloat);
  }
}

template <int kRows, int kVectors>
HWY_INLINE void store_sums(const Sums<kRows, kVectors>& sums, float* HWY_RESTRICT c, int64_t c_stride,
                           bool accumulate) {
  CALOTYPE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    CALOTYPE_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      float* to = c + i * c_stride + j * kLanes;
      hn::StoreU(accumulate ? hn::Add(hn::LoadU(kFloat, to), sums[i][j]) : sums[i][j], kFloat, to);
    }
  }
}

/// kSteps of K. Rows 3i, 3i + 1 and 3i + 2 share a pointer: x86 adds 0, 1 or 2 strides for nothing.
template <int kSteps, int kRows, int kVectors>
HWY_INLINE void add_steps(const float* HWY_RESTRICT (&bases)[(kRows + 2) / 3], int64_t stride,
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
      for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
    }
  }
  CALOTYPE_UNROLL
  for (int i = 0; i < (kRows + 2) / 3; ++i) bases[i] += kSteps;
  panel += kSteps * kVectors * kLanes;
}

/// c[r][0..width) (+)= sum over k of left[r][k] * panel[k][0..width), width = kVectors * kLanes. The panel is aligned
/// to its vectors, c need not be. Each sum runs over k in order, in one accumulator: bits depend on K alone.
template <int kVectors, int kRows>
void tile(const Left& left, const float* HWY_RESTRICT panel, float* HWY_RESTRICT c, int64_t c_stride, bool accumulate) {
  Sums<kRows, kVectors> sums;
  clear_sums<kRows, kVectors>(sums);
  const int64_t stride = left.row_stride;
  const char* ahead = static_cast<const char*>(left.ahead ? left.ahead : panel);
  for (int64_t r = 0; r < left.runs; ++r) {
    const float* HWY_RESTRICT bases[(kRows + 2) / 3];
    CALOTYPE_UNROLL
    for (int i = 0; i < (kRows + 2) / 3; ++i) bases[i] = left.data + r * left.run_stride + 3 * i * stride;
    int64_t k = left.run;
    // Unrolled by two: by four, g++ 12 keeps one sum of the 6 x 2 tile in memory.
    for (; k >= 2; k -= 2) {
      __builtin_prefetch(ahead);
      ahead += left.ahead_step;
      add_steps<2, kRows, kVectors>(bases, stride, panel, sums);
    }
    if (k > 0) add_steps<1, kRows, kVectors>(bases, stride, panel, sums);
  }
  store_sums<kRows, kVectors>(sums, c, c_stride, accumulate);
}

/// c[r][0..width) (+)= sum over k of left[k][r] * right[k][0..width).
template <int kVectors, int kRows>
void outer_tile(const Outer& p, float* HWY_RESTRICT c, int64_t c_stride, bool accumulate) {
  Sums<kRows, kVectors> sums;
  clear_sums<kRows, kVectors>(sums);
  for (int64_t r = 0; r < p.runs; ++r) {
    const float* HWY_RESTRICT a = p.left + r * p.left_run_stride;
    const float* HWY_RESTRICT b = p.right + r * p.right_run_stride;
    CALOTYPE_UNROLL_TWICE
    for (int64_t k = 0; k < p.run; ++k) {
      FloatVec right[kVectors];
      CALOTYPE_UNROLL
      for (int j = 0; j < kVectors; ++j) right[j] = hn::LoadU(kFloat, b + j * kLanes);
      CALOTYPE_UNROLL
      for (int i = 0; i < kRows; ++i) {
        const FloatVec left = hn::Set(kFloat, a[i]);
        CALOTYPE_UNROLL
        for (int j = 0; j < kVectors; ++j) sums[i][j] = hn::MulAdd(left, right[j], sums[i][j]);
      }
      a += p.left_stride;
      b += p.right_stride;
    }
  }
  store_sums<kRows, kVectors>(sums, c, c_stride, accumulate);
}

using TileFunction = void (*)(const Left&, const float*, float*, int64_t, bool);
using OuterFunction = void (*)(const Outer&, float*, int64_t, bool);

template <int kVectors, int... kIndices>
constexpr auto tile_table(std::integer_sequence<int, kIndices...>) {
  return std::array<TileFunction, sizeof...(kIndices) + 1>{nullptr, tile<kVectors, kIndices + 1>...};
}
template <int kVectors, int... kIndices>
constexpr auto outer_table(std::integer_sequence<int, kIndices...>) {
  return std::array<OuterFunction, sizeof...(kIndices) + 1>{nullptr, outer_tile<kVectors, kIndices + 1>...};
}

/// Rows of the tallest tile for a panel of one or two vectors.
constexpr int tile_rows(int vectors) {
  return vectors == 2 ? kTileRows : kHalfTileRows;
}

/// One tile of 1 <= rows <= tile_rows(vectors).
inline void multiply_tile(int rows, int vectors, const Left& left, const float* panel, float* c, int64_t c_stride,
                          bool accumulate) {
  static constexpr auto kFull = tile_table<2>(std::make_integer_sequence<int, kTileRows>());
  static constexpr auto kHalf = tile_table<1>(std::make_integer_sequence<int, kHalfTileRows>());
  (vectors == 2 ? kFull[rows] : kHalf[rows])(left, panel, c, c_stride, accumulate);
}
inline void outer_tile(int rows, int vectors, const Outer& p, float* c, int64_t c_stride, bool accumulate) {
  static constexpr auto kFull = outer_table<2>(std::make_integer_sequence<int, kTileRows>());
  static constexpr auto kHalf = outer_table<1>(std::make_integer_sequence<int, kHalfTileRows>());
  (vectors == 2 ? kFull[rows] : kHalf[rows])(p, c, c_stride, accumulate);
}

/// Cuts `rows` into the fewest tiles, nearly equal in height, and calls body(first, count) for each.
template <class Body>
HWY_INLINE void for_tiles(int64_t rows, int tallest, const Body& body) {
  if (rows <= 0) return;
  const int64_t tiles = (rows + tallest - 1) / tallest, height = rows / tiles, taller = rows % tiles;
  for (int64_t t = 0, first = 0; t < tiles; ++t) {
    const int64_t count = height + (t < taller);
    body(first, static_cast<int>(count));
    first += count;
  }
}

/// c[0..rows) (+)= left panel, any number of rows, the operands in units of Operands (InF32 of panel-inl.h, or InBf16).
template <class Operands>
void multiply_rows(int64_t rows, int vectors, const Left& left, const float* panel, float* c, int64_t c_stride,
                   bool accumulate) {
  Left part = left;  // copied once: a copy for every tile waits until the stores before it have left the core
  for_tiles(rows, tile_rows(vectors), [&](int64_t first, int count) {
    part.data = left.data + first * left.row_stride;
    Operands::multiply_tile(count, vectors, part, panel, c + first * c_stride, c_stride, accumulate);
  });
}
inline void outer_rows(int64_t rows, int vectors, const Outer& p, float* c, int64_t c_stride, bool accumulate) {
  Outer part = p;
  for_tiles(rows, tile_rows(vectors), [&](int64_t first, int count) {
    part.left = p.left + first;
    outer_tile(count, vectors, part, c + first * c_stride, c_stride, accumulate);
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

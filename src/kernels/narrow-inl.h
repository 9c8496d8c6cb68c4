// Products with few columns: the last convolution of a model has 3 or 4, where a panel has 16 or 32. Here the vectors
// run along K, one sum of lanes a result. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_NARROW_INL_H_
#undef CALOTYPE_KERNELS_NARROW_INL_H_
#else
#define CALOTYPE_KERNELS_NARROW_INL_H_
#endif

#include "kernels/epilogue-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

inline constexpr int64_t kNarrowColumns = 4;
/// Rows of the tallest tile: four columns each fill the registers.
inline constexpr int kNarrowRows = kTileRows / 2;

/// Floats of a column of weights: every run padded with zeros to whole vectors.
constexpr int64_t narrow_column_floats(int64_t run, int64_t runs) {
  return (run + kLanes - 1) / kLanes * kLanes * runs;
}

/// columns[j][r][k] from the half panel [runs * run][kLanes], k padded.
inline void panel_to_columns(const float* panel, int64_t run, int64_t runs, int64_t count, float* columns) {
  const int64_t padded = narrow_column_floats(run, 1);
  for (int64_t j = 0; j < count; ++j)
    for (int64_t r = 0; r < runs; ++r) {
      float* const to = columns + (j * runs + r) * padded;
      for (int64_t k = 0; k < run; ++k) to[k] = panel[(r * run + k) * kLanes + j];
      std::fill(to + run, to + padded, 0.0f);
    }
}

/// c[i * kLanes + j] (+)= row i of left times column j.
template <int kColumns, int kRows>
void narrow_tile(const Left& left, const float* HWY_RESTRICT columns, float* HWY_RESTRICT c, bool accumulate) {
  Sums<kRows, kColumns> sums;
  clear_sums<kRows, kColumns>(sums);
  const int64_t padded = narrow_column_floats(left.run, 1), column_floats = padded * left.runs;
  const auto add = [&](const float* a, const float* b, int64_t count) HWY_ATTR __attribute__((always_inline)) {
    FloatVec row[kRows];
    CALOTYPE_UNROLL
    for (int i = 0; i < kRows; ++i)
      row[i] =
          count >= kLanes ? hn::LoadU(kFloat, a + i * left.row_stride) : load_first(a + i * left.row_stride, count);
    CALOTYPE_UNROLL
    for (int j = 0; j < kColumns; ++j) {
      const FloatVec weight = hn::LoadU(kFloat, b + j * column_floats);
      CALOTYPE_UNROLL
      for (int i = 0; i < kRows; ++i) sums[i][j] = hn::MulAdd(row[i], weight, sums[i][j]);
    }
  };
  for (int64_t r = 0; r < left.runs; ++r) {
    const float* const a = left.data + r * left.run_stride;
    const float* const b = columns + r * padded;
    int64_t k = 0;
    for (; k + kLanes <= left.run; k += kLanes) add(a + k, b + k, kLanes);
    if (k < left.run) add(a + k, b + k, left.run - k);
  }
  CALOTYPE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    CALOTYPE_UNROLL
    for (int j = 0; j < kColumns; ++j) {
      const float total = hn::GetLane(hn::SumOfLanes(kFloat, sums[i][j]));
      c[i * kLanes + j] = accumulate ? c[i * kLanes + j] + total : total;
    }
  }
}

using NarrowFunction = void (*)(const Left&, const float*, float*, bool);
template <int kColumns, int... kIndices>
constexpr auto narrow_table(std::integer_sequence<int, kIndices...>) {
  return std::array<NarrowFunction, sizeof...(kIndices) + 1>{nullptr, narrow_tile<kColumns, kIndices + 1>...};
}

/// One tile of 1 <= rows <= kNarrowRows and 1 <= columns <= kNarrowColumns.
inline void multiply_narrow_tile(int rows, int64_t columns, const Left& left, const float* weights, float* c,
                                 bool accumulate) {
  static constexpr std::make_integer_sequence<int, kNarrowRows> kRows;
  static constexpr std::array kTables = {narrow_table<1>(kRows), narrow_table<2>(kRows), narrow_table<3>(kRows),
                                         narrow_table<4>(kRows)};
  kTables[columns - 1][rows](left, weights, c, accumulate);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

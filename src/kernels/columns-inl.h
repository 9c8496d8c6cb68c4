// Sums over the rows of a matrix, one for each column, in double. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_COLUMNS_INL_H_
#undef CALOTYPE_KERNELS_COLUMNS_INL_H_
#else
#define CALOTYPE_KERNELS_COLUMNS_INL_H_
#endif

#include <algorithm>

#include "base/parallel.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

using DoubleTag = hn::ScalableTag<double>;
using HalfFloatTag = hn::Rebind<float, DoubleTag>;

HWY_INLINE hn::Vec<DoubleTag> lower_wide(FloatVector v) {
  return hn::PromoteTo(DoubleTag(), hn::LowerHalf(HalfFloatTag(), v));
}

HWY_INLINE hn::Vec<DoubleTag> upper_wide(FloatVector v) {
  return hn::PromoteTo(DoubleTag(), hn::UpperHalf(HalfFloatTag(), v));
}

/// One sum in double for each lane of a vector of f32. A product of two f32 is exact in it.
struct WideSum {
  hn::Vec<DoubleTag> lower, upper;

  // Written out, since one made by the compiler would not be compiled for this instruction set.
  HWY_INLINE WideSum() : lower(hn::Zero(DoubleTag())), upper(hn::Zero(DoubleTag())) {}
  HWY_INLINE void add(FloatVector v) {
    lower = hn::Add(lower, lower_wide(v));
    upper = hn::Add(upper, upper_wide(v));
  }
  HWY_INLINE void add_product(FloatVector a, FloatVector b) {
    lower = hn::MulAdd(lower_wide(a), lower_wide(b), lower);
    upper = hn::MulAdd(upper_wide(a), upper_wide(b), upper);
  }
  HWY_INLINE double total() const { return hn::GetLane(hn::SumOfLanes(DoubleTag(), hn::Add(lower, upper))); }
};

/// A load of `count` lanes that costs nothing where the compiler sees a whole vector.
HWY_INLINE FloatVector load_up_to(const float* from, int64_t count) {
  return count == lanes() ? hn::LoadU(FloatTag(), from) : load_first(from, count);
}

/// A store to match.
HWY_INLINE void store_up_to(FloatVector v, float* to, int64_t count) {
  if (count == lanes())
    hn::StoreU(v, FloatTag(), to);
  else
    store_first(v, to, count);
}

/// sums[column * kSums + s]: what `terms(row, column, count, sums)` adds to WideSum (&)[kSums] for `count` columns from
/// `column` on, over all rows in order. Takes thread_scratch.
template <int kSums, class Terms>
HWY_INLINE void sum_columns(int64_t rows, int64_t width, double* sums, const Terms& terms) {
  // Across a few rows at a time: down a whole column every load would touch another page.
  constexpr int64_t kRows = 16;
  const DoubleTag d;
  const int64_t step = lanes(), half = int64_t(hn::Lanes(d)), blocks = (width + step - 1) / step;
  auto* wide = static_cast<double*>(thread_scratch(blocks * step * kSums * int64_t(sizeof(double))));
  std::fill(wide, wide + blocks * step * kSums, 0.0);
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t last = std::min(rows, first + kRows);
    for (int64_t block = 0; block < blocks; ++block) {
      double* kept = wide + block * step * kSums;
      WideSum sum[kSums];
      for (int s = 0; s < kSums; ++s) {
        sum[s].lower = hn::Load(d, kept + s * step);
        sum[s].upper = hn::Load(d, kept + s * step + half);
      }
      const int64_t column = block * step, count = width - column;
      if (count >= step)
        for (int64_t r = first; r < last; ++r) terms(r, column, step, sum);
      else
        for (int64_t r = first; r < last; ++r) terms(r, column, count, sum);
      for (int s = 0; s < kSums; ++s) {
        hn::Store(sum[s].lower, d, kept + s * step);
        hn::Store(sum[s].upper, d, kept + s * step + half);
      }
    }
  }
  for (int64_t c = 0; c < width; ++c)
    for (int s = 0; s < kSums; ++s) sums[c * kSums + s] = wide[c / step * step * kSums + s * step + c % step];
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

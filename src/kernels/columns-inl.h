// Sums over the rows of a matrix, one for each column, in double. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_COLUMNS_INL_H_
#undef CALOTYPE_KERNELS_COLUMNS_INL_H_
#else
#define CALOTYPE_KERNELS_COLUMNS_INL_H_
#endif

#include <algorithm>

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

/// sums[column * kSums + s]: what `terms(row, column, count, sums)` adds to WideSum (&)[kSums] for `count` columns from
/// `column` on, over all rows in order.
template <int kSums, class Terms>
HWY_INLINE void sum_columns(int64_t rows, int64_t width, double* sums, const Terms& terms) {
  constexpr int kVectors = 2;  // enough independent sums to hide their latency
  const int64_t step = lanes();
  HWY_ALIGN double buffer[hn::MaxLanes(FloatTag())];
  const auto store = [&](const WideSum& sum, int64_t column, int s, int64_t count) HWY_ATTR {
    hn::Store(sum.lower, DoubleTag(), buffer);
    hn::Store(sum.upper, DoubleTag(), buffer + hn::Lanes(DoubleTag()));
    for (int64_t i = 0; i < count; ++i) sums[(column + i) * kSums + s] = buffer[i];
  };
  int64_t column = 0;
  for (; column + kVectors * step <= width; column += kVectors * step) {
    WideSum wide[kVectors][kSums];
    for (int64_t r = 0; r < rows; ++r) {
      terms(r, column, step, wide[0]);
      terms(r, column + step, step, wide[1]);
    }
    for (int v = 0; v < kVectors; ++v)
      for (int s = 0; s < kSums; ++s) store(wide[v][s], column + v * step, s, step);
  }
  for (; column < width; column += step) {
    const int64_t count = std::min(step, width - column);
    WideSum wide[kSums];
    for (int64_t r = 0; r < rows; ++r) terms(r, column, count, wide);
    for (int s = 0; s < kSums; ++s) store(wide[s], column, s, count);
  }
}

/// A load of `count` lanes that costs nothing where the compiler sees a whole vector.
HWY_INLINE FloatVector load_up_to(const float* from, int64_t count) {
  return count == lanes() ? hn::LoadU(FloatTag(), from) : load_first(from, count);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

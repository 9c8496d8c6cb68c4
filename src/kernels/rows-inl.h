// Sums and maxima along a row of f32. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_ROWS_INL_H_
#undef CALOTYPE_KERNELS_ROWS_INL_H_
#else
#define CALOTYPE_KERNELS_ROWS_INL_H_
#endif

#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// The sum over i of term(x[i]...). Lanes behind the end do not count.
template <class Term, class... Inputs>
HWY_INLINE float sum_along(int64_t count, const Term& term, const Inputs*... x) {
  const FloatTag d;
  const int64_t step = lanes();
  FloatVector a = hn::Zero(d), b = a;  // two chains, to hide the latency of an addition
  int64_t i = 0;
  for (; i + 2 * step <= count; i += 2 * step) {
    a = hn::Add(a, term(hn::LoadU(d, x + i)...));
    b = hn::Add(b, term(hn::LoadU(d, x + i + step)...));
  }
  if (i + step <= count) {
    a = hn::Add(a, term(hn::LoadU(d, x + i)...));
    i += step;
  }
  if (i < count) {
    const auto inside = hn::FirstN(d, size_t(count - i));
    b = hn::Add(b, hn::IfThenElseZero(inside, term(load_first(x + i, count - i)...)));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(a, b)));
}

/// The largest of count >= 1 numbers.
HWY_INLINE float largest_of(int64_t count, const float* x) {
  const FloatTag d;
  const int64_t step = lanes();
  FloatVector most = hn::Set(d, x[0]);
  int64_t i = 0;
  for (; i + step <= count; i += step) most = hn::Max(most, hn::LoadU(d, x + i));
  if (i < count) {
    const auto inside = hn::FirstN(d, size_t(count - i));
    most = hn::Max(most, hn::IfThenElse(inside, load_first(x + i, count - i), most));
  }
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

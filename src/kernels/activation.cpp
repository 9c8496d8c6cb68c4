#include "kernels/activation.h"

#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
void negate(const float* x, float* y, int64_t count) {
  const hn::ScalableTag<float> d;
  int64_t i = 0;
  for (; i + int64_t(hn::Lanes(d)) <= count; i += hn::Lanes(d)) hn::StoreU(hn::Neg(hn::LoadU(d, x + i)), d, y + i);
  for (; i < count; ++i) y[i] = -x[i];
}
}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
void negate(const float* x, float* y, int64_t count) {
  CALOTYPE_KERNEL(negate)(x, y, count);
}
}  // namespace calotype::kernels
#endif

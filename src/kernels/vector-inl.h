// Loads, stores and loops that every vector kernel shares. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_VECTOR_INL_H_
#undef CALOTYPE_KERNELS_VECTOR_INL_H_
#else
#define CALOTYPE_KERNELS_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;

HWY_INLINE int64_t lanes() {
  return int64_t(hn::Lanes(FloatTag()));
}

/// The first `count` lanes from memory, zeros behind them; reads nothing beyond. 0 <= count <= lanes.
HWY_INLINE FloatVector load_first(const float* from, int64_t count) {
  const FloatTag d;
#if HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(d, size_t(count)), d, from);
#else
  HWY_ALIGN float buffer[hn::MaxLanes(d)] = {};
  std::memcpy(buffer, from, size_t(count) * sizeof(float));
  return hn::Load(d, buffer);
#endif
}

/// Writes the first `count` lanes and nothing beyond.
HWY_INLINE void store_first(FloatVector v, float* to, int64_t count) {
  const FloatTag d;
#if HWY_ARCH_X86
  hn::BlendedStore(v, hn::FirstN(d, size_t(count)), d, to);
#else
  HWY_ALIGN float buffer[hn::MaxLanes(d)];
  hn::Store(v, d, buffer);
  std::memcpy(to, buffer, size_t(count) * sizeof(float));
#endif
}

/// y[i] = function(x[i]...) for i in [0, count). y may be one of the inputs.
template <class Function, class... Inputs>
HWY_INLINE void map(int64_t count, float* y, const Function& function, const Inputs*... x) {
  const FloatTag d;
  const int64_t step = lanes();
  int64_t i = 0;
  for (; i + step <= count; i += step) hn::StoreU(function(hn::LoadU(d, x + i)...), d, y + i);
  if (i < count) store_first(function(load_first(x + i, count - i)...), y + i, count - i);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

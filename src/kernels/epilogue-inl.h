// What a product does to a tile before it stores it. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_EPILOGUE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_EPILOGUE_INL_H_
#undef CALOTYPE_KERNELS_EPILOGUE_INL_H_
#else
#define CALOTYPE_KERNELS_EPILOGUE_INL_H_
#endif

#include "kernels/linear.h"
#include "kernels/math-inl.h"
#include "kernels/tile-inl.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// The vector at `from`, of which no more than `count` lanes are read; zeros behind them.
HWY_INLINE FloatVec load_some(const float* from, int64_t count) {
  return count >= kLanes ? hn::LoadU(kFloat, from) : load_first(from, std::max<int64_t>(count, 0));
}
/// Stores no more than `count` lanes.
HWY_INLINE void store_some(FloatVec v, float* to, int64_t count) {
  if (count >= kLanes)
    hn::StoreU(v, kFloat, to);
  else if (count > 0)
    store_first(v, to, count);
}

/// sums[j] (+)= sum of `count` rows of x at column j < columns, each column in order.
inline void add_rows(const float* x, int64_t stride, int64_t count, int64_t columns, float* sums, bool accumulate) {
  for (int64_t j = 0; j < columns; j += kLanes) {
    FloatVec sum = hn::Zero(kFloat);
    for (int64_t r = 0; r < count; ++r) sum = hn::Add(sum, load_some(x + r * stride + j, columns - j));
    if (accumulate) sum = hn::Add(sum, load_some(sums + j, columns - j));
    store_some(sum, sums + j, columns - j);
  }
}

template <Activation kActivation>
HWY_INLINE FloatVec activated(FloatVec v) {
  if constexpr (kActivation == Activation::silu) return silu(kFloat, v);
  if constexpr (kActivation == Activation::gelu) return gelu(kFloat, v);
  if constexpr (kActivation == Activation::quick_gelu) return quick_gelu(kFloat, v);
  return v;
}

/// y = activation(sums + bias + offset) + add for `count` rows of `columns` columns, of which column 0 is meant by
/// bias, offset, add and y.
struct Epilogue {
  const float* bias;    // null: none
  const float* offset;  // one row for all, or null
  const float* add;     // null: none
  float* y;
  int64_t stride;  // of add and y
};

template <Activation kActivation>
void finish_rows(const Epilogue& e, const float* sums, int64_t width, int64_t count, int64_t columns) {
  for (int64_t j = 0; j < std::min(width, columns); j += kLanes) {
    const int64_t lanes_here = columns - j;
    FloatVec constant = e.bias ? load_some(e.bias + j, lanes_here) : hn::Zero(kFloat);
    if (e.offset) constant = hn::Add(constant, load_some(e.offset + j, lanes_here));
    for (int64_t r = 0; r < count; ++r) {
      FloatVec v = activated<kActivation>(hn::Add(hn::LoadU(kFloat, sums + r * width + j), constant));
      if (e.add) v = hn::Add(v, load_some(e.add + r * e.stride + j, lanes_here));
      store_some(v, e.y + r * e.stride + j, lanes_here);
    }
  }
}

/// The same under geglu: a panel holds one vector of values, then their gates; `columns` counts results.
inline void finish_geglu_rows(const Epilogue& e, const float* gate_bias, const float* sums, int64_t count,
                              int64_t columns) {
  const FloatVec value_constant = e.bias ? load_some(e.bias, columns) : hn::Zero(kFloat);
  const FloatVec gate_constant = gate_bias ? load_some(gate_bias, columns) : hn::Zero(kFloat);
  for (int64_t r = 0; r < count; ++r) {
    const FloatVec value = hn::Add(hn::LoadU(kFloat, sums + r * kPanel), value_constant);
    const FloatVec gate = hn::Add(hn::LoadU(kFloat, sums + r * kPanel + kLanes), gate_constant);
    FloatVec v = hn::Mul(value, gelu(kFloat, gate));
    if (e.add) v = hn::Add(v, load_some(e.add + r * e.stride, columns));
    store_some(v, e.y + r * e.stride, columns);
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Rows of a matrix as the left operand of a product: in place, or made ready once for all of its tasks. Included once
// per instruction set.
#if defined(CALOTYPE_KERNELS_LEFT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_LEFT_INL_H_
#undef CALOTYPE_KERNELS_LEFT_INL_H_
#else
#define CALOTYPE_KERNELS_LEFT_INL_H_
#endif

#include <cmath>

#include "base/workspace.h"
#include "kernels/bf16-inl.h"
#include "kernels/epilogue-inl.h"
#include "kernels/pieces.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// At strides of a multiple of 1 KB the rows of a tile share few sets of the cache.
constexpr bool rows_collide(int64_t stride) {
  return stride % 256 == 0;
}

/// Rows as they are; where they would collide, a block of them is copied apart.
struct PlainRows {
  const float* x;
  int64_t stride;

  void touch(int64_t row, int64_t k, int64_t steps) const { touch_to_read(x + row * stride + k, steps); }
  Left rows(int64_t first, int64_t count, int64_t k, int64_t steps, float* buffer) const {
    const float* from = x + first * stride + k;
    if (!rows_collide(stride)) return {from, stride, steps};
    for (int64_t r = 0; r < count; ++r) std::memcpy(buffer + r * (steps + 16), from + r * stride, 4 * steps);
    return {buffer, steps + 16, steps};
  }
};

#if CALOTYPE_HAS_BF16
/// Rows of floats, rounded to units a block at a time: for products that read each but once or twice.
struct RoundedRows {
  const float* x;
  int64_t width;

  void touch(int64_t row, int64_t k, int64_t steps) const {
    touch_to_read(x + row * width + 2 * k, std::min(2 * steps, width - 2 * k));
  }
  Left rows(int64_t first, int64_t count, int64_t k, int64_t steps, float* buffer) const {
    const int64_t floats = std::min(2 * steps, width - 2 * k);
    for (int64_t r = 0; r < count; ++r) to_units(x + (first + r) * width + 2 * k, floats, buffer + r * (steps + 16));
    return {buffer, steps + 16, steps};
  }
};
#endif

/// A layer norm of one row. Two passes: the variance is that of the differences from the mean.
inline void norm_row(const float* x, int64_t width, const RowNorm& norm, float* y) {
  const float inverse_width = 1.0f / static_cast<float>(std::max<int64_t>(width, 1));
  FloatVec sum = hn::Zero(kFloat);
  for (int64_t i = 0; i < width; i += kLanes) sum = hn::Add(sum, load_some(x + i, width - i));
  const FloatVec mean = hn::Mul(hn::SumOfLanes(kFloat, sum), hn::Set(kFloat, inverse_width));
  FloatVec squares = hn::Zero(kFloat);
  for (int64_t i = 0; i < width; i += kLanes) {
    FloatVec difference = hn::Sub(load_some(x + i, width - i), mean);
    if (i + kLanes > width) difference = hn::IfThenElseZero(hn::FirstN(kFloat, width - i), difference);
    squares = hn::MulAdd(difference, difference, squares);
  }
  const float variance = hn::GetLane(hn::SumOfLanes(kFloat, squares)) * inverse_width;
  const FloatVec scale = hn::Set(kFloat, 1.0f / std::sqrt(variance + norm.epsilon));
  for (int64_t i = 0; i < width; i += kLanes) {
    const FloatVec gain = load_some(norm.gain + i, width - i);
    const FloatVec bias = norm.bias ? load_some(norm.bias + i, width - i) : hn::Zero(kFloat);
    const FloatVec normal = hn::Mul(hn::Sub(load_some(x + i, width - i), mean), scale);
    store_some(hn::MulAdd(normal, gain, bias), y + i, width - i);
  }
}

/// Rows [rows, width] with their layer norm made, in units of Operands, and at a distance at which they do not collide.
/// Each column task of a product would make the same rows again; this costs one pass over them.
template <class Operands>
class ReadyRows {
 public:
  ReadyRows(int64_t rows, int64_t width, const float* x, const RowNorm& norm)
      : stride_(round_up(Operands::units(width), 16) + 16),
        workspace_(Workspace::bytes_of_floats(rows * stride_)),
        units_(workspace_.floats(rows * stride_)) {
    const int64_t normed_floats = norm.gain && Operands::kPerUnit > 1 ? width : 0;
    over_pieces(rows, items_per_task(width), [&](int64_t first, int64_t count) {
      auto* const normed = static_cast<float*>(thread_scratch(4 * normed_floats + 64));
      for (int64_t r = first; r < first + count; ++r) {
        const float* from = x + r * width;
        float* const to = units_ + r * stride_;
        if (norm.gain) {
          norm_row(from, width, norm, normed_floats > 0 ? normed : to);
          from = normed;
        }
        if (!norm.gain || normed_floats > 0) Operands::pack_row(from, width, to);
      }
    });
  }

  PlainRows rows() const { return {units_, stride_}; }

 private:
  int64_t stride_;
  Workspace workspace_;
  float* units_;
};

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Rows of weights as they lie in a file to the panels of a product. Included once per instruction set.
#if defined(CALOTYPE_KERNELS_WEIGHTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WEIGHTS_INL_H_
#undef CALOTYPE_KERNELS_WEIGHTS_INL_H_
#else
#define CALOTYPE_KERNELS_WEIGHTS_INL_H_
#endif

#include "kernels/bf16-inl.h"
#include "kernels/panel-inl.h"
#include "kernels/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// While kBlock rows from `row` on become columns, those that follow two blocks later (in this panel or the next) are
/// on their way. `count`: rows that there are from `row` on.
HWY_INLINE void fetch_rows_ahead(const Weights& weight, int64_t row_width, int64_t row, int64_t count, int64_t k,
                                 int64_t steps) {
  constexpr int64_t kAhead = 2 * kBlock;
  for (int64_t i = kAhead; i < std::min(count, kAhead + kBlock); ++i)
    fetch_weights(weight, (row + i) * row_width + k, steps);
}

/// Rows [first, first + count) of a weight matrix of `row_width`, from k on, become columns of a panel; zeros fill it
/// up to `columns`.
inline void rows_to_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k,
                          int64_t steps, int64_t columns, float* panel, int64_t panel_width, float* buffer) {
  for (int64_t r = 0; r < columns; r += kBlock) {
    const int64_t height = std::clamp<int64_t>(count - r, 0, kBlock);
    fetch_rows_ahead(weight, row_width, first + r, count - r, k, steps);
    const float* from = static_cast<const float*>(weight.data) + (first + r) * row_width + k;
    int64_t stride = row_width;
    if (weight.dtype != DType::f32) {
      for (int64_t i = 0; i < height; ++i)
        widen_weights(weight, (first + r + i) * row_width + k, steps, buffer + i * steps);
      from = buffer;
      stride = steps;
    }
    transpose_to_panel(from, stride, height, steps, kBlock, panel + r, panel_width);
  }
}

#if CALOTYPE_HAS_BF16
/// The same as rows_to_panel, for a panel of bf16. k and steps count units.
inline void rows_to_unit_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k,
                               int64_t steps, int64_t columns, float* panel, int64_t panel_width, float* buffer) {
  HWY_ALIGN float wide[2 * ProductCut::kDepth];
  const int64_t floats = std::min(2 * steps, row_width - 2 * k);
  for (int64_t r = 0; r < columns; r += kBlock) {
    const int64_t height = std::clamp<int64_t>(count - r, 0, kBlock);
    fetch_rows_ahead(weight, row_width, first + r, count - r, 2 * k, floats);
    for (int64_t i = 0; i < height; ++i) {
      const int64_t at = (first + r + i) * row_width + 2 * k;
      float* const units = buffer + i * steps;
      if (weight.dtype == DType::bf16) {
        if (floats % 2 != 0) units[steps - 1] = 0;
        std::memcpy(units, static_cast<const std::byte*>(weight.data) + 2 * at, 2 * floats);
      } else if (weight.dtype == DType::f32) {
        to_units(static_cast<const float*>(weight.data) + at, floats, units);
      } else if (weight.dtype == DType::f16) {
        halves_to_units(static_cast<const std::byte*>(weight.data) + 2 * at, floats, units);
      } else {
        widen_weights(weight, at, floats, wide);
        to_units(wide, floats, units);
      }
    }
    transpose_to_panel(buffer, steps, height, steps, kBlock, panel + r, panel_width);
  }
}
#endif

/// rows_to_panel for the operands of a product.
template <class Operands>
void fill_panel(const Weights& weight, int64_t row_width, int64_t first, int64_t count, int64_t k, int64_t steps,
                int64_t columns, float* panel, int64_t panel_width, float* buffer) {
#if CALOTYPE_HAS_BF16
  if constexpr (Operands::kPerUnit == 2)
    return rows_to_unit_panel(weight, row_width, first, count, k, steps, columns, panel, panel_width, buffer);
#endif
  rows_to_panel(weight, row_width, first, count, k, steps, columns, panel, panel_width, buffer);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

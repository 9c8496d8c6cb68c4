// Weights as they lie in a file to panels of points: G g Gᵀ.
#if defined(CALOTYPE_KERNELS_WINOGRAD_WEIGHTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINOGRAD_WEIGHTS_INL_H_
#undef CALOTYPE_KERNELS_WINOGRAD_WEIGHTS_INL_H_
#else
#define CALOTYPE_KERNELS_WINOGRAD_WEIGHTS_INL_H_
#endif

#include "kernels/panel-inl.h"
#include "kernels/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// [out, in, 3, 3] weights, read as a convolution from `in` to `out` channels; or, turned, as its transpose: from `out`
/// to `in` channels with each 3x3 window turned by half a circle.
struct Kernel3x3 {
  Weights weights;
  int64_t out, in;
  bool turned;
};

/// taps[k][3y + x][width]: the windows from channel k0 + k to channels n0, n0 + 1, ...; zero beyond the last channel.
/// `wide`: 9 * width * steps floats.
inline void read_taps(const Kernel3x3& kernel, int64_t n0, int64_t width, int64_t k0, int64_t steps, float* wide,
                      float* taps) {
  const int64_t rows = std::min(width, (kernel.turned ? kernel.in : kernel.out) - n0);
  const float* floats = kernel.weights.dtype == DType::f32 ? static_cast<const float*>(kernel.weights.data) : nullptr;
  if (kernel.turned) {
    constexpr int64_t kAhead = 4;
    for (int64_t k = 0; k < steps; ++k) {
      const int64_t first = ((k0 + k) * kernel.in + n0) * 9;
      fetch_weights(kernel.weights, first + kAhead * kernel.in * 9, rows * 9);
      if (!floats) widen_weights(kernel.weights, first, rows * 9, wide);
      transpose_to_panel(floats ? floats + first : wide, 9, rows, 9, width, taps + k * 9 * width);
    }
    return;
  }
  const int64_t depth = steps * 9;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t first = ((n0 + r) * kernel.in + k0) * 9;
    fetch_weights(kernel.weights, first + depth, depth);
    if (!floats) widen_weights(kernel.weights, first, depth, wide + r * depth);
  }
  if (floats) return transpose_to_panel(floats + (n0 * kernel.in + k0) * 9, kernel.in * 9, rows, depth, width, taps);
  transpose_to_panel(wide, depth, rows, depth, width, taps);
}

/// Row k of matrix i of `to` = point i of the windows from channel k0 + k to channels [n0, n0 + width); width is one or
/// two vectors.
inline void transform_weights(const Kernel3x3& kernel, int64_t n0, int64_t width, int64_t k0, int64_t depth,
                              const Points& to) {
  constexpr int64_t kSteps = 16;
  HWY_ALIGN float wide[kSteps * 9 * kPanel];
  HWY_ALIGN float taps[kSteps * 9 * kPanel];
  for (int64_t k = 0; k < depth; k += kSteps) {
    const int64_t steps = std::min(kSteps, depth - k);
    read_taps(kernel, n0, width, k0 + k, steps, wide, taps);
    for (int64_t i = 0; i < steps; ++i)
      for (int64_t j = 0; j < width; j += kLanes) {
        const float* from = taps + i * 9 * width + j;
        float* row = to.data + (k + i) * to.row + j;
        const int64_t last = kernel.turned ? 8 : 0, step = kernel.turned ? -width : width;
        both_ways<WeightPoints>(
            [=](int y, int x) HWY_ATTR { return hn::Load(kFloat, from + last * width + (3 * y + x) * step); },
            [=](int y, int x, FloatVec v) HWY_ATTR { hn::Store(v, kFloat, row + (6 * y + x) * to.matrix); });
      }
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

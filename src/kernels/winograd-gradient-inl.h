// The two ends of a weight gradient: A dy Aᵀ, and Gᵀ u G.
#if defined(CALOTYPE_KERNELS_WINOGRAD_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINOGRAD_GRADIENT_INL_H_
#undef CALOTYPE_KERNELS_WINOGRAD_GRADIENT_INL_H_
#else
#define CALOTYPE_KERNELS_WINOGRAD_GRADIENT_INL_H_
#endif

#include <cstring>

#include "kernels/conv2d.h"
#include "kernels/panel-inl.h"
#include "kernels/vector-inl.h"
#include "kernels/winograd-inl.h"
#include "kernels/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// The points of channels [n0, n1) of dy over a block; channel n0 of its first tile goes to to.data. sums [out] of the
/// block: dy added up for each of these channels, null when not wanted.
inline void transform_output_gradient(const ConvShape& shape, const float* dy, const TileBlock& block, int64_t n0,
                                      int64_t n1, const Points& to, double* sums) {
  for (int64_t n = n0; n < n1; n += kLanes) {
    const int64_t channels = std::min(kLanes, n1 - n);
    const bool full = channels == kLanes;
    double totals[kLanes] = {};
    for (int64_t row = 0; row < block.pictures * block.rows; ++row) {
      const int64_t picture = block.picture + row / block.rows, y0 = 4 * (block.y + row % block.rows);
      const int64_t lines = std::min<int64_t>(4, shape.height - y0);
      FloatVec sum = hn::Zero(kFloat);
      for (int64_t column = 0; column < block.columns; ++column) {
        const int64_t x0 = 4 * (block.x + column), pixels = std::min<int64_t>(4, shape.width - x0);
        const float* from = dy + ((picture * shape.height + y0) * shape.width + x0) * shape.out + n;
        float* points = to.data + (row * block.columns + column) * to.row + (n - n0);
        both_ways<GradientPoints>(
            [&](int y, int x) HWY_ATTR {
              if (y >= lines || x >= pixels) return hn::Zero(kFloat);
              const float* at = from + (y * shape.width + x) * shape.out;
              const FloatVec v = full ? hn::LoadU(kFloat, at) : load_first(at, channels);
              sum = hn::Add(sum, v);
              return v;
            },
            [&](int y, int x, FloatVec v) HWY_ATTR {
              float* at = points + (6 * y + x) * to.matrix;
              if (full)
                hn::StoreU(v, kFloat, at);
              else
                store_first(v, at, channels);
            });
      }
      HWY_ALIGN float values[kLanes];
      hn::Store(sum, kFloat, values);
      for (int64_t i = 0; i < kLanes; ++i) totals[i] += values[i];
    }
    if (sums) std::copy_n(totals, channels, sums + n);
  }
}

/// dweight[i][3][3] for `in` input channels of one output channel, from the sum of `ranges` sets of points, `range`
/// floats apart. Matrix i begins at points + i * matrix; the lanes behind the last channel may be read.
inline void transform_weight_gradient(const float* points, int64_t matrix, int64_t ranges, int64_t range, int64_t in,
                                      float* dweight) {
  for (int64_t i = 0; i < in; i += kLanes) {
    HWY_ALIGN float taps[9 * kLanes];
    HWY_ALIGN float windows[9 * kLanes];
    both_ways<GradientTaps>(
        [&](int y, int x) HWY_ATTR {
          const float* at = points + (6 * y + x) * matrix + i;
          FloatVec sum = hn::LoadU(kFloat, at);
          for (int64_t r = 1; r < ranges; ++r) sum = hn::Add(sum, hn::LoadU(kFloat, at + r * range));
          return sum;
        },
        [&](int y, int x, FloatVec v) HWY_ATTR { hn::Store(v, kFloat, taps + (3 * y + x) * kLanes); });
    for (int64_t k = 0; k < kLanes; k += kBlock) {
      int64_t tap = 0;
      for (; tap + kBlock <= 9; tap += kBlock)
        transpose_block(taps + tap * kLanes + k, kLanes, windows + k * 9 + tap, 9);
      for (; tap < 9; ++tap)
        for (int64_t j = k; j < k + kBlock; ++j) windows[j * 9 + tap] = taps[tap * kLanes + j];
    }
    std::memcpy(dweight + i * 9, windows, std::min(kLanes, in - i) * 9 * sizeof(float));
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Points to maps: Aᵀ m A, and what a convolution adds to it.
#if defined(CALOTYPE_KERNELS_WINOGRAD_OUTPUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINOGRAD_OUTPUT_INL_H_
#undef CALOTYPE_KERNELS_WINOGRAD_OUTPUT_INL_H_
#else
#define CALOTYPE_KERNELS_WINOGRAD_OUTPUT_INL_H_
#endif

#include "kernels/conv2d.h"
#include "kernels/vector-inl.h"
#include "kernels/winograd-inl.h"
#include "kernels/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// y = the pixels of a block for one vector of channels, the first `channels` of which exist, beginning at channel n.
/// from: matrix i of tile t at from.data[i * matrix + t * row]. sums [out, 2] of the block, null when not wanted; for a
/// block of several pictures they follow each other.
inline void transform_output(const Conv2d& p, const TileBlock& block, int64_t n, const Points& from, double* sums) {
  const ConvShape& shape = p.shape;
  const int64_t channels = std::min(kLanes, shape.out - n);
  const bool full = channels == kLanes;
  const auto load = [&](const float* at) HWY_ATTR { return full ? hn::LoadU(kFloat, at) : load_first(at, channels); };
  const FloatVec bias = p.bias ? load(p.bias + n) : hn::Zero(kFloat);
  for (int64_t picture = block.picture; picture < block.picture + block.pictures; ++picture) {
    const FloatVec constant = p.offset ? hn::Add(bias, load(p.offset + picture * shape.out + n)) : bias;
    double totals[2][kLanes] = {};
    for (int64_t row = 0; row < block.rows; ++row) {
      FloatVec sum = hn::Zero(kFloat), squares = sum;  // of the row
      const int64_t y0 = 4 * (block.y + row), lines = std::min<int64_t>(4, shape.height - y0);
      for (int64_t column = 0; column < block.columns; ++column) {
        const int64_t x0 = 4 * (block.x + column), pixels = std::min<int64_t>(4, shape.width - x0);
        const int64_t tile = ((picture - block.picture) * block.rows + row) * block.columns + column;
        const float* points = from.data + tile * from.row;
        const int64_t first = ((picture * shape.height + y0) * shape.width + x0) * shape.out + n;
        both_ways<OutputPixels>([&](int y, int x)
                                    HWY_ATTR { return hn::Load(kFloat, points + (6 * y + x) * from.matrix); },
                                [&](int y, int x, FloatVec v) HWY_ATTR {
                                  if (y >= lines || x >= pixels) return;
                                  const int64_t at = first + (y * shape.width + x) * shape.out;
                                  v = hn::Add(v, constant);
                                  if (p.add) v = hn::Add(v, load(p.add + at));
                                  if (full) {
                                    hn::StoreU(v, kFloat, p.y + at);
                                  } else {
                                    store_first(v, p.y + at, channels);
                                  }
                                  sum = hn::Add(sum, v);
                                  squares = hn::MulAdd(v, v, squares);
                                });
      }
      HWY_ALIGN float values[2][kLanes];
      hn::Store(sum, kFloat, values[0]);
      hn::Store(squares, kFloat, values[1]);
      for (int64_t i = 0; i < kLanes; ++i) {
        totals[0][i] += values[0][i];
        totals[1][i] += values[1][i];
      }
    }
    if (!sums) continue;
    double* to = sums + ((picture - block.picture) * shape.out + n) * 2;
    for (int64_t i = 0; i < channels; ++i) {
      to[2 * i] = totals[0][i];
      to[2 * i + 1] = totals[1][i];
    }
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

// Maps to points: the input of a convolution as it is read (two sources, doubled pixels, norm, SiLU) to Bᵀ d B.
#if defined(CALOTYPE_KERNELS_WINOGRAD_INPUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINOGRAD_INPUT_INL_H_
#undef CALOTYPE_KERNELS_WINOGRAD_INPUT_INL_H_
#else
#define CALOTYPE_KERNELS_WINOGRAD_INPUT_INL_H_
#endif

#include <cstring>

#include "kernels/conv2d.h"
#include "kernels/math-inl.h"
#include "kernels/vector-inl.h"
#include "kernels/winograd-inl.h"
#include "kernels/winograd_tiles.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// Channels that are staged at a time, and the floats of a stage: six lines of sixteen tiles.
inline constexpr int64_t kSlice = 32;
inline constexpr int64_t kStageFloats = 6 * (4 * 16 + 2) * kSlice;

/// A slice of channels of one picture.
struct Slice {
  const float* data;  // channel 0 of the slice at pixel (0, 0)
  int64_t pixel;      // floats from one pixel to the next
  int64_t height, width;
  int64_t channels;    // at most kSlice
  const float* scale;  // null: no norm
  const float* shift;
  bool doubled, silu;
};

/// Calls body(k, load) for each vector of `count` values; load reads one, with zeros beyond the last value.
template <class Body>
HWY_INLINE void for_vectors(int64_t count, const Body& body) {
  int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) body(k, [](const float* from) HWY_ATTR { return hn::LoadU(kFloat, from); });
  if (k < count) body(k, [=](const float* from) HWY_ATTR { return load_first(from, count - k); });
}

/// line[i][0..kSlice) = pixel (y, x + i) of the slice for i < pixels, zero outside of the picture.
inline void stage_line(const Slice& slice, int64_t y, int64_t x, int64_t pixels, float* HWY_RESTRICT line) {
  if (y < 0 || y >= slice.height) {
    std::memset(line, 0, pixels * kSlice * sizeof(float));
    return;
  }
  const int64_t begin = x < 0 ? -x : 0, end = std::min(pixels, slice.width - x);
  std::memset(line, 0, begin * kSlice * sizeof(float));
  if (end < pixels) std::memset(line + end * kSlice, 0, (pixels - end) * kSlice * sizeof(float));
  const int shift = slice.doubled ? 1 : 0;
  const float* from = slice.data + (y >> shift) * (slice.width >> shift) * slice.pixel;
  const auto fill = [&](const auto& finish) HWY_ATTR {
    for (int64_t i = begin; i < end; ++i) {
      const float* pixel = from + ((x + i) >> shift) * slice.pixel;
      for_vectors(slice.channels, [&](int64_t k, const auto& load) HWY_ATTR {
        hn::Store(finish(load(pixel + k), k, load), kFloat, line + i * kSlice + k);
      });
    }
  };
  const auto normed = [&](FloatVec v, int64_t k, const auto& load)
                          HWY_ATTR { return hn::MulAdd(v, load(slice.scale + k), load(slice.shift + k)); };
  if (slice.scale && slice.silu) {
    fill([&](FloatVec v, int64_t k, const auto& load) HWY_ATTR { return silu(kFloat, normed(v, k, load)); });
  } else if (slice.scale) {
    fill(normed);
  } else if (slice.silu) {
    fill([](FloatVec v, int64_t, const auto&) HWY_ATTR { return silu(kFloat, v); });
  } else {
    fill([](FloatVec v, int64_t, const auto&) HWY_ATTR { return v; });
  }
}

/// One row of tiles: stage holds its six lines, `line` floats apart.
inline void transform_tiles(const float* stage, int64_t line, int64_t tiles, int64_t channels, const Points& to) {
  for (int64_t t = 0; t < tiles; ++t) {
    const float* from = stage + 4 * t * kSlice;
    float* row = to.data + t * to.row;
    const auto load = [&](int64_t k) HWY_ATTR {
      return [=](int y, int x) HWY_ATTR { return hn::Load(kFloat, from + y * line + x * kSlice + k); };
    };
    int64_t k = 0;
    for (; k + kLanes <= channels; k += kLanes)
      both_ways<InputPoints>(load(k), [=](int y, int x, FloatVec v)
                                          HWY_ATTR { hn::StoreU(v, kFloat, row + (6 * y + x) * to.matrix + k); });
    if (k < channels)
      both_ways<InputPoints>(load(k), [=](int y, int x, FloatVec v) HWY_ATTR {
        store_first(v, row + (6 * y + x) * to.matrix + k, channels - k);
      });
  }
}

/// The points of channels [c0, c1) of a block; channel c0 of its first tile goes to to.data. `stage`: kStageFloats.
inline void transform_input(const ConvShape& shape, const MapReading& x, const TileBlock& block, int64_t c0, int64_t c1,
                            const Points& to, float* stage) {
  const int64_t pixels = 4 * block.columns + 2, line = pixels * kSlice;
  const int64_t area = (shape.height >> x.doubled) * (shape.width >> x.doubled);
  const int64_t seam = x.second ? x.first_channels : shape.in;
  for (int64_t c = c0, end; c < c1; c = end) {
    end = std::min(c + kSlice, c < seam ? std::min(c1, seam) : c1);
    for (int64_t p = 0; p < block.pictures; ++p) {
      const int64_t picture = block.picture + p;
      Slice slice{};
      slice.pixel = c < seam ? seam : shape.in - seam;
      slice.data = (c < seam ? x.first + c : x.second + (c - seam)) + picture * area * slice.pixel;
      slice.height = shape.height;
      slice.width = shape.width;
      slice.channels = end - c;
      slice.scale = x.scale ? x.scale + picture * shape.in + c : nullptr;
      slice.shift = x.scale ? x.shift + picture * shape.in + c : nullptr;
      slice.doubled = x.doubled;
      slice.silu = x.silu;
      for (int64_t row = 0; row < block.rows; ++row) {
        // The last two lines of a row of tiles are the first two of the next.
        if (row > 0) std::memcpy(stage, stage + 4 * line, 2 * line * sizeof(float));
        for (int64_t i = row > 0 ? 2 : 0; i < 6; ++i)
          stage_line(slice, 4 * (block.y + row) - 1 + i, 4 * block.x - 1, pixels, stage + i * line);
        const int64_t first = (p * block.rows + row) * block.columns;
        transform_tiles(stage, line, block.columns, end - c, {to.data + first * to.row + (c - c0), to.matrix, to.row});
      }
    }
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

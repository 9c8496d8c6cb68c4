// A stretch of a map, read as a MapReading says, with zeros where it reaches beyond the map. Included once per
// instruction set.
#if defined(CALOTYPE_KERNELS_STRIP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_STRIP_INL_H_
#undef CALOTYPE_KERNELS_STRIP_INL_H_
#else
#define CALOTYPE_KERNELS_STRIP_INL_H_
#endif

#include "kernels/conv2d.h"
#include "kernels/epilogue-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// A map as it is read: after doubling, both sources.
struct Map {
  MapReading reading;
  int64_t height, width, channels;
};

/// `count` channels of one pixel from channel `from` on, of one source.
HWY_INLINE void stage_channels(const float* from, int64_t count, const float* scale, const float* shift,
                               bool silu_wanted, float* to) {
  if (!scale && !silu_wanted) {
    std::memcpy(to, from, count * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < count; i += kLanes) {
    FloatVec v = load_some(from + i, count - i);
    if (scale) {
      const FloatVec constant = shift ? load_some(shift + i, count - i) : hn::Zero(kFloat);
      v = hn::MulAdd(v, load_some(scale + i, count - i), constant);
    }
    if (silu_wanted) v = silu(kFloat, v);
    store_some(v, to + i, count - i);
  }
}

/// to[y][x][c]: rows [y0, y0 + height) and columns [x0, x0 + width) of a picture, which may reach beyond the map, and
/// channels [c0, c0 + channels).
inline void stage_strip(const Map& map, int64_t picture, int64_t y0, int64_t x0, int64_t height, int64_t width,
                        int64_t c0, int64_t channels, float* to) {
  const MapReading& r = map.reading;
  const int64_t first_channels = r.second ? r.first_channels : map.channels;
  const int64_t second_channels = map.channels - first_channels;
  // Of these channels, `split` come from the first map.
  const int64_t split = std::clamp<int64_t>(first_channels - c0, 0, channels);
  const int64_t second_begin = c0 + split - first_channels;
  const float* scale = r.scale ? r.scale + picture * map.channels + c0 : nullptr;
  const float* shift = r.scale && r.shift ? r.shift + picture * map.channels + c0 : nullptr;
  const int64_t source_height = r.doubled ? map.height / 2 : map.height;
  const int64_t source_width = r.doubled ? map.width / 2 : map.width;
  const bool plain = !scale && !r.silu && !r.doubled && split == map.channels;
  const int64_t begin = std::clamp<int64_t>(-x0, 0, width), end = std::clamp<int64_t>(map.width - x0, begin, width);
  for (int64_t i = 0; i < height; ++i, to += width * channels) {
    const int64_t y = y0 + i;
    if (y < 0 || y >= map.height) {
      std::fill(to, to + width * channels, 0.0f);
      continue;
    }
    std::fill(to, to + begin * channels, 0.0f);
    std::fill(to + end * channels, to + width * channels, 0.0f);
    const int64_t line = (picture * source_height + (r.doubled ? y / 2 : y)) * source_width;
    if (plain) {
      std::memcpy(to + begin * channels, r.first + (line + x0 + begin) * channels,
                  (end - begin) * channels * sizeof(float));
      continue;
    }
    for (int64_t j = begin; j < end; ++j) {
      float* const pixel = to + j * channels;
      const int64_t x = x0 + j, from = line + (r.doubled ? x / 2 : x);
      if (r.doubled && j > begin && x % 2 == 1) {
        std::memcpy(pixel, pixel - channels, channels * sizeof(float));
        continue;
      }
      if (split > 0) stage_channels(r.first + from * first_channels + c0, split, scale, shift, r.silu, pixel);
      if (split < channels)
        stage_channels(r.second + from * second_channels + second_begin, channels - split,
                       scale ? scale + split : nullptr, shift ? shift + split : nullptr, r.silu, pixel + split);
    }
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

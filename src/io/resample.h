#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "io/image.h"

namespace calotype {

/// Pillow's filters, by its names.
enum class Resampling { nearest, box, bilinear, hamming, bicubic, lanczos };

const char* name_of(Resampling filter);
std::optional<Resampling> resampling_from(std::string_view name);

/// The picture at another size, bit for bit as Pillow 13 resamples it: antialiased, 22 bits of fixed point, rounded to
/// 8 bits between the two passes, columns first where (rows lost) > 2 (columns lost). RGBA is premultiplied meanwhile,
/// but for `nearest`. Sizes are above zero.
Image resized(const Image& image, int width, int height, Resampling filter = Resampling::lanczos);

/// One float a pixel, row by row: a depth map.
struct FloatMap {
  int width = 0, height = 0;
  std::vector<float> values;
};

/// The same for floats (Pillow's mode F): weights in double, nothing clamped.
FloatMap resized(const FloatMap& map, int width, int height, Resampling filter);

}  // namespace calotype

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "io/resample.h"

namespace calotype {

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// How a picture comes to a size of another shape: stretched to it; scaled until it covers it, what juts out cut off;
/// scaled until it lies within, the rest filled by its edges.
enum class ResizeMode { stretch, crop, fill };

const char* name_of(ResizeMode mode);
std::optional<ResizeMode> resize_mode_from(std::string_view name);

/// The picture at that size, as diffusers' image processor makes it, Lanczos by default. Filled-in edges continue the
/// slope of the outermost two lines: 9/8 of the last minus 1/8 of the one before.
Image fitted(const Image& image, Size size, ResizeMode mode, Resampling filter = Resampling::lanczos);

/// Part of a picture; the box lies within it. `right` and `bottom` are one past the last.
struct Box {
  int left = 0, top = 0, right = 0, bottom = 0;
  int width() const { return right - left; }
  int height() const { return bottom - top; }
  bool operator==(const Box&) const = default;
};
Image cropped(const Image& image, const Box& box);

/// Lays `part` into `image`, its upper left corner at (left, top); what lies outside is cut off. Equal channels.
void paste(Image& image, const Image& part, int left, int top);

/// The size at which a picture is worked on: its own, unless that is above four times the area of a square of
/// `native_side`, then the largest within that area. At least 1 by 1; not rounded to multiples of anything.
Size capped(Size own, int64_t native_side);

}  // namespace calotype

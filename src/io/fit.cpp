#include "io/fit.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace calotype {
namespace {

constexpr const char* kModes[] = {"stretch", "crop", "fill"};

/// Where a picture of this size lies in one of that, as whole numbers: diffusers' divisions, each rounded down.
struct Placement {
  Size size;
  int left, top;
};

Placement place(Size own, Size asked, bool cover) {
  const double wanted = static_cast<double>(asked.width) / asked.height;
  const double ratio = static_cast<double>(own.width) / own.height;
  const auto scaled = [](int side, int to, int from) {
    return static_cast<int>(std::clamp<int64_t>(int64_t{side} * to / from, 1, 1 << 20));
  };
  Placement result{asked, 0, 0};
  if (cover ? wanted <= ratio : wanted >= ratio) result.size.width = scaled(own.width, asked.height, own.height);
  if (cover ? wanted > ratio : wanted < ratio) result.size.height = scaled(own.height, asked.width, own.width);
  result.left = asked.width / 2 - result.size.width / 2;
  result.top = asked.height / 2 - result.size.height / 2;
  return result;
}

/// What lies beyond an edge: bicubic weights of an empty box, in the fixed point of resampling.
uint8_t beyond(int last, int before) {
  constexpr int kLast = (1 << 22) + (1 << 19), kBefore = 1 << 19;
  return static_cast<uint8_t>(std::clamp((last * kLast - before * kBefore + (1 << 21)) >> 22, 0, 255));
}

/// Fills what lies outside the columns (or rows) [first, last) of `image` from the two lines at their border.
void fill_edges(Image& image, int first, int last, bool columns) {
  const int lines = columns ? image.width : image.height, length = columns ? image.height : image.width;
  const auto value = [&](int line, int along, int c) -> uint8_t& {
    const size_t x = columns ? line : along, y = columns ? along : line;
    return image.pixels[(y * image.width + x) * image.channels + c];
  };
  for (int along = 0; along < length; ++along)
    for (int c = 0; c < image.channels; ++c) {
      const auto extended = [&](int edge, int inner) {
        return first + 1 == last ? value(edge, along, c) : beyond(value(edge, along, c), value(inner, along, c));
      };
      const uint8_t before = extended(first, first + 1), after = extended(last - 1, last - 2);
      for (int line = 0; line < first; ++line) value(line, along, c) = before;
      for (int line = last; line < lines; ++line) value(line, along, c) = after;
    }
}

}  // namespace

const char* name_of(ResizeMode mode) {
  return kModes[static_cast<int>(mode)];
}

std::optional<ResizeMode> resize_mode_from(std::string_view name) {
  for (int i = 0; i < static_cast<int>(std::size(kModes)); ++i)
    if (name == kModes[i]) return static_cast<ResizeMode>(i);
  return std::nullopt;
}

Image fitted(const Image& image, Size size, ResizeMode mode, Resampling filter) {
  if (mode == ResizeMode::stretch) return resized(image, size.width, size.height, filter);
  const Placement at = place({image.width, image.height}, size, mode == ResizeMode::crop);
  Image result{size.width, size.height, image.channels, {}};
  result.pixels.resize(static_cast<size_t>(size.width) * size.height * image.channels);
  paste(result, resized(image, at.size.width, at.size.height, filter), at.left, at.top);
  if (mode == ResizeMode::crop) return result;
  if (at.size.width < size.width) fill_edges(result, at.left, at.left + at.size.width, true);
  if (at.size.height < size.height) fill_edges(result, at.top, at.top + at.size.height, false);
  return result;
}

Image cropped(const Image& image, const Box& box) {
  check(box.left >= 0 && box.top >= 0 && box.left < box.right && box.top < box.bottom && box.right <= image.width &&
            box.bottom <= image.height,
        "the box [{}, {}, {}, {}] is not within {}x{}", box.left, box.top, box.right, box.bottom, image.width,
        image.height);
  Image result{box.width(), box.height(), image.channels, {}};
  const size_t row = static_cast<size_t>(box.width()) * image.channels;
  result.pixels.resize(row * box.height());
  for (int y = 0; y < box.height(); ++y)
    std::copy_n(&image.pixels[(static_cast<size_t>(box.top + y) * image.width + box.left) * image.channels], row,
                &result.pixels[row * y]);
  return result;
}

void paste(Image& image, const Image& part, int left, int top) {
  check(image.channels == part.channels, "paste: {} channels into {}", part.channels, image.channels);
  const int first = std::max(0, -left), last = std::min(part.width, image.width - left);
  if (first >= last) return;
  for (int y = std::max(0, -top); y < std::min(part.height, image.height - top); ++y)
    std::copy_n(&part.pixels[(static_cast<size_t>(y) * part.width + first) * part.channels],
                static_cast<size_t>(last - first) * part.channels,
                &image.pixels[(static_cast<size_t>(top + y) * image.width + left + first) * image.channels]);
}

Size capped(Size own, int64_t native_side) {
  const double most = 4.0 * static_cast<double>(native_side) * static_cast<double>(native_side);
  const double area = static_cast<double>(own.width) * own.height;
  if (area <= most) return own;
  const double scale = std::sqrt(most / area);
  const auto side = [&](int length) { return std::max(1, static_cast<int>(length * scale)); };
  return {side(own.width), side(own.height)};
}

}  // namespace calotype

#include "io/mask.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"

namespace calotype {
namespace {

/// One box blur in 24 bits of fixed point: a whole number of pixels with full weight, and a part of the next on each
/// side.
struct BoxBlur {
  int whole;
  uint32_t weight, edge;

  explicit BoxBlur(float radius) : whole(static_cast<int>(radius)) {
    weight = static_cast<uint32_t>(static_cast<float>(1 << 24) / (2 * radius + 1));  // in f32, as Pillow has it
    edge = ((1u << 24) - (2 * static_cast<uint32_t>(whole) + 1) * weight) / 2;
  }

  void operator()(std::span<const uint8_t> in, std::span<uint8_t> out) const {
    const auto last = static_cast<int64_t>(in.size()) - 1;
    const auto at = [&](int64_t x) -> uint32_t { return in[std::clamp<int64_t>(x, 0, last)]; };
    uint32_t sum = 0;
    for (int64_t x = -whole; x <= whole; ++x) sum += at(x);
    for (int64_t x = 0; x <= last; ++x) {
      out[x] = static_cast<uint8_t>((weight * sum + edge * (at(x - whole - 1) + at(x + whole + 1)) + (1u << 23)) >> 24);
      sum += at(x + whole + 1) - at(x - whole);
    }
  }
};

/// The radius of the box blur of which three make a Gaussian of this standard deviation (Gwosdek et al. 2011, equations
/// 7, 11 and 14), in Pillow's types.
float box_radius(float sigma) {
  const float s = sigma * sigma / 3, length = static_cast<float>(std::sqrt(12.0 * s + 1.0));
  const float l = static_cast<float>(std::floor((length - 1.0) / 2.0));
  return l + (2 * l + 1) * (l * (l + 1) - 3 * s) / (6 * (s - (l + 1) * (l + 1)));
}

/// Blurs lines of `length` values that lie `step` apart, three times.
void blur_line(uint8_t* line, size_t length, size_t step, const BoxBlur& blur) {
  std::vector<uint8_t> a(length), b(length);
  for (size_t i = 0; i < length; ++i) a[i] = line[i * step];
  for (int pass = 0; pass < 3; ++pass) {
    blur(a, b);
    a.swap(b);
  }
  for (size_t i = 0; i < length; ++i) line[i * step] = a[i];
}

/// Widens [first, last) by `more`, half at each end, and pushes it back into [0, limit).
void widen(int& first, int& last, int more, int limit) {
  first -= more / 2;
  last += more - more / 2;
  if (last >= limit) {
    first -= last - limit;
    last = limit;
  }
  if (first < 0) {
    last -= first;
    first = 0;
  }
  last = std::min(last, limit);
}

}  // namespace

Image gaussian_blur(Image image, double radius) {
  check(std::isfinite(radius) && radius >= 0 && radius <= 10'000, "gaussian_blur: radius {}", radius);
  if (radius == 0) return image;
  const BoxBlur blur(box_radius(static_cast<float>(radius)));
  const size_t channels = image.channels, row = image.width * channels;
  parallel_for(image.height, [&](int64_t y) {
    for (size_t c = 0; c < channels; ++c) blur_line(&image.pixels[y * row + c], image.width, channels, blur);
  });
  parallel_for(static_cast<int64_t>(row), [&](int64_t x) { blur_line(&image.pixels[x], image.height, row, blur); });
  return image;
}

Image grey(const Image& image) {
  if (image.channels == 1) return image;
  Image result{image.width, image.height, 1, {}};
  result.pixels.resize(static_cast<size_t>(image.width) * image.height);
  for (size_t i = 0; i < result.pixels.size(); ++i) {
    const uint8_t* rgb = &image.pixels[i * image.channels];
    result.pixels[i] = static_cast<uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
  }
  return result;
}

Box crop_region(const Image& mask, Size target, int padding) {
  check(mask.channels == 1, "crop_region: a mask has one channel, not {}", mask.channels);
  Box box{mask.width, mask.height, 0, 0};
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      if (mask.pixels[static_cast<size_t>(y) * mask.width + x] == 0) continue;
      box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x + 1), std::max(box.bottom, y + 1)};
    }
  require(box.right > box.left, ErrorKind::bad_input, "mask: it is black all over, so nothing is to be repainted");
  padding = std::clamp(padding, 0, 1 << 20);
  box = {std::max(0, box.left - padding), std::max(0, box.top - padding), std::min(mask.width, box.right + padding),
         std::min(mask.height, box.bottom + padding)};
  const double wanted = static_cast<double>(target.width) / target.height;
  if (static_cast<double>(box.width()) / box.height() > wanted) {
    widen(box.top, box.bottom, static_cast<int>(box.width() / wanted - box.height()), mask.height);
  } else {
    widen(box.left, box.right, static_cast<int>(box.height() * wanted - box.width()), mask.width);
  }
  return box;
}

}  // namespace calotype

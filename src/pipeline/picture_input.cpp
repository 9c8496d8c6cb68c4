#include "pipeline/picture_input.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "io/mask.h"
#include "ops/resize.h"

namespace calotype {
namespace {

constexpr int kDepthMultiple = 32;

/// [1, h, w, C] of what `value(level, channel)` says.
template <class Value>
Tensor levels(const Image& image, const Value& value) {
  Tensor result = Tensor::empty({1, image.height, image.width, image.channels});
  const std::span<float> to = result.edit<float>();
  for (size_t i = 0; i < to.size(); ++i) to[i] = value(image.pixels[i], i % image.channels);
  return result;
}

float centred(float level) {
  return (level - 0.5f) / 0.5f;
}

int rounded(double value) {  // halves to even
  return static_cast<int>(std::nearbyint(value));
}

}  // namespace

Tensor signed_levels(const Image& image) {
  return levels(image, [](uint8_t level, size_t) { return 2 * (static_cast<float>(level) / 255) - 1; });
}

Size cut_to_multiples(Size size, int multiple) {
  const Size cut{size.width / multiple * multiple, size.height / multiple * multiple};
  require(cut.width > 0 && cut.height > 0, ErrorKind::bad_input, "{}x{} pixels are too few; a side has at least {}",
          size.width, size.height, multiple);
  return cut;
}

Tensor vae_input(const Image& image, Size asked, ResizeMode mode, int multiple) {
  if (asked == Size{}) asked = {image.width, image.height};
  return signed_levels(fitted(image, cut_to_multiples(asked, multiple), mode));
}

Tensor binary_mask(const Image& mask, Size size) {
  return levels(resized(grey(mask), size.width, size.height),
                [](uint8_t level, size_t) { return is_white(level) ? 1.0f : 0.0f; });
}

Size depth_size(Size own, int target, DepthSizing sizing) {
  const double across = static_cast<double>(target) / own.width, down = static_cast<double>(target) / own.height;
  const bool minimal = sizing == DepthSizing::minimal;
  const double scale = minimal ? (std::abs(1 - across) < std::abs(1 - down) ? across : down) : std::min(across, down);
  const auto side = [&](int length) {
    const double cells = scale * length / kDepthMultiple;
    const int nearest = rounded(cells) * kDepthMultiple;
    return minimal || nearest <= target ? nearest : static_cast<int>(cells) * kDepthMultiple;
  };
  return {side(own.width), side(own.height)};
}

Tensor depth_input(const Image& image, int target) {
  const Size size = depth_size({image.width, image.height}, target, DepthSizing::minimal);
  require(size.width > 0 && size.height > 0, ErrorKind::bad_input,
          "a picture of {}x{} is too long for the depth network; crop it to at most 16 to 1", image.width,
          image.height);
  const Tensor x = levels(image, [](uint8_t level, size_t) { return static_cast<float>(level) / 255; });
  Tensor y = resize(x, size.height, size.width, {.interpolation = Interpolation::bicubic});
  for (float& value : y.edit<float>()) value = centred(value);
  return y;
}

Tensor depth_input_square(const Image& image, int side, Resampling filter) {
  return levels(resized(image, side, side, filter),
                [](uint8_t level, size_t) { return centred(static_cast<float>(level) / 255); });
}

Tensor clip_input(const Image& image, int side, ClipCrop crop) {
  constexpr std::array<float, 3> kMean{0.48145466f, 0.4578275f, 0.40821073f};
  constexpr std::array<float, 3> kDeviation{0.26862954f, 0.26130258f, 0.27577711f};
  const int64_t shorter = std::min(image.width, image.height);
  const auto scaled = [&](int length) {
    return static_cast<int>(std::min(int64_t{side} * length / shorter, int64_t{1} << 20));
  };
  const Image small = resized(image, scaled(image.width), scaled(image.height), Resampling::bicubic);
  const auto offset = [&](int length) {
    return crop == ClipCrop::open_clip ? rounded((length - side) / 2.0) : (length - side) / 2;
  };
  const int left = offset(small.width), top = offset(small.height);
  return levels(cropped(small, {left, top, left + side, top + side}),
                [&](uint8_t level, size_t c) { return (static_cast<float>(level) / 255 - kMean[c]) / kDeviation[c]; });
}

}  // namespace calotype

#include "pipeline/depth.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "ops/resize.h"

namespace calotype {
namespace {

void drop_no_numbers(std::span<float> values) {
  for (float& value : values)
    if (!std::isfinite(value)) value = 0;
}

Tensor resampled(const FloatMap& map, int64_t height, int64_t width) {
  Tensor whole = Tensor::from(std::span(map.values), Shape{1, map.height, map.width, 1});
  drop_no_numbers(whole.edit<float>());
  if (map.height == height && map.width == width) return whole;
  return resize(whole, height, width, {.interpolation = Interpolation::bicubic});
}

/// Brings values to low .. high; all to `low` where they do not differ.
void stretch(std::span<float> values, float low, float high) {
  const auto [least, greatest] = std::ranges::minmax_element(values);
  const float first = *least, range = *greatest - *least;
  for (float& value : values) value = range > 2.2e-16f ? (high - low) * ((value - first) / range) + low : low;
}

}  // namespace

Tensor depth_channel(const FloatMap& map, int64_t height, int64_t width, bool invert) {
  check(!map.values.empty(), "depth: the map is empty");
  Tensor channel = resampled(map, height, width);
  const std::span<float> values = channel.edit<float>();
  if (invert)
    for (float& value : values) value = -value;
  stretch(values, -1, 1);
  return channel;
}

FloatMap resampled_depth(const FloatMap& map, int width, int height) {
  const Tensor result = resampled(map, height, width);
  const auto values = result.view<float>();
  return {width, height, {values.begin(), values.end()}};
}

FloatMap normalized_depth(FloatMap map) {
  drop_no_numbers(map.values);
  stretch(map.values, 0, 1);
  return map;
}

}  // namespace calotype

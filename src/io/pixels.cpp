#include "io/pixels.h"

#include <algorithm>
#include <cmath>

namespace calotype {

Image image_of(std::span<const float> values, int width, int height, int channels, Rounding rounding) {
  Image image{width, height, channels, std::vector<uint8_t>(values.size())};
  for (size_t i = 0; i < values.size(); ++i) {
    // Arithmetic in f32, step by step, as the reference programs do it.
    const float level = std::clamp(std::isnan(values[i]) ? 0.0f : values[i] / 2 + 0.5f, 0.0f, 1.0f) * 255;
    image.pixels[i] = static_cast<uint8_t>(rounding == Rounding::nearest ? std::nearbyint(level) : level);
  }
  return image;
}

}  // namespace calotype

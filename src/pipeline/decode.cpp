#include "pipeline/decode.h"

#include <algorithm>
#include <cmath>

#include "diffusion/combine.h"

namespace calotype {

Image to_image(const Tensor& decoded, Recipe recipe) {
  Image image{static_cast<int>(decoded.dim(2)), static_cast<int>(decoded.dim(1)), static_cast<int>(decoded.dim(3)), {}};
  const auto values = decoded.view<float>();
  image.pixels.resize(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    // Arithmetic in f32, step by step, as the reference does it. A value that is no number becomes black.
    const float level = std::clamp(std::isnan(values[i]) ? 0.0f : values[i] / 2 + 0.5f, 0.0f, 1.0f) * 255;
    image.pixels[i] = static_cast<uint8_t>(recipe == Recipe::diffusers ? std::nearbyint(level) : level);
  }
  return image;
}

Image decode_latent(const Vae& vae, const Tensor& latent, Recipe recipe, const Tap& tap) {
  const NoGrad inference;
  const Tensor decoded = vae.decode(combine({{1 / vae.config.scale_factor, latent}}));
  tap("decoded", decoded);
  return to_image(decoded, recipe);
}

}  // namespace calotype

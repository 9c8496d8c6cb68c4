#include "pipeline/decode.h"

#include "io/pixels.h"
#include "ops/combine.h"
#include "pipeline/finite.h"

namespace calotype {

Image to_image(const Tensor& decoded, Recipe recipe) {
  return image_of(decoded.view<float>(), static_cast<int>(decoded.dim(2)), static_cast<int>(decoded.dim(1)),
                  static_cast<int>(decoded.dim(3)), recipe == Recipe::diffusers ? Rounding::nearest : Rounding::down);
}

Image decode_latent(const Vae& vae, const Tensor& latent, Recipe recipe, const Tap& tap, const DecodePlan& plan) {
  const NoGrad inference;
  const Tensor decoded = vae.decode(combine({{1 / vae.config.scale_factor, latent}}), plan);
  tap("decoded", decoded);
  require_finite(decoded, "the decoded picture");
  return to_image(decoded, recipe);
}

}  // namespace calotype

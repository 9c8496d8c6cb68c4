#pragma once

#include "io/resample.h"
#include "load/stable_diffusion.h"

namespace calotype {

/// What the model's own depth network sees in a picture, RGB, squashed to the square that it was trained on, as
/// diffusers does: one value a pixel of that square, near is greater. Throws as `require_depth_network`.
FloatMap predicted_depth(const StableDiffusion& model, const Image& picture);

/// Throws `unsupported` where the model has none.
void require_depth_network(const StableDiffusion& model);

}  // namespace calotype

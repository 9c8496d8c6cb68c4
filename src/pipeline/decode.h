#pragma once

#include "diffusion/plan.h"
#include "io/image.h"
#include "models/vae.h"

namespace calotype {

/// The picture of one scaled latent [1, h, w, C]; one at a time, for a batch would multiply the decoder's memory. The
/// tap sees `decoded`.
Image decode_latent(const Vae& vae, const Tensor& latent, Recipe recipe, const Tap& tap = {},
                    const DecodePlan& plan = {});

/// [1, H, W, 3] in [-1, 1] to 8 bits: diffusers rounds to the nearest level, the other programs cut.
Image to_image(const Tensor& decoded, Recipe recipe);

}  // namespace calotype

#pragma once

#include "pipeline/request.h"

namespace calotype {

/// Fills in steps and guidance, and what else a kind of model wants, where the request leaves it open. `turbo`, which
/// turbo models take by themselves: Euler, trailing levels, one step, no guidance (Sauer et al. 2023, "Adversarial
/// diffusion distillation"). `none`: 20 steps and guidance of 7.5. Throws `bad_input` for another name.
void apply_preset(TextToImage& request, const StableDiffusion& model);

}  // namespace calotype

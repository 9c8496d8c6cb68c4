#pragma once

#include "pipeline/request.h"

namespace calotype {

/// Sets what a kind of model wants where the request says nothing else, that is, where it holds its defaults. `turbo`,
/// which turbo models take by themselves: Euler, trailing levels, one step, no guidance (Sauer et al. 2023,
/// "Adversarial diffusion distillation"). `none`: the request stays as it is. Throws `bad_input` for another name.
void apply_preset(TextToImage& request, const StableDiffusion& model);

}  // namespace calotype

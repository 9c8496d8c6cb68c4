#pragma once

#include <vector>

#include "load/stable_diffusion.h"
#include "pipeline/request.h"

namespace calotype {

/// What users may say about sampler, levels and noise: a part of `fields`.
std::vector<Field> sampler_fields(TextToImage& request);

/// Sampler, plan, options and noise of a request, with what suits the model where nothing was said: see `settle`. Names
/// in the request become ours. Throws `bad_input`.
void choose_sampler(const StableDiffusion& model, Settled& run);

}  // namespace calotype

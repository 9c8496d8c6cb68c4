#pragma once

#include "pipeline/draw.h"

namespace calotype {

/// Draws pictures from text (Rombach et al. 2022, classifier-free guidance). Throws what `settle` throws, and whatever
/// the watcher throws.
Drawing text_to_image(const StableDiffusion& model, const TextToImage& request, const Watcher& watcher = {});

}  // namespace calotype

#pragma once

#include <vector>

#include "io/image.h"
#include "pipeline/request.h"
#include "pipeline/watcher.h"

namespace calotype {

/// What was drawn.
struct Drawing {
  Tensor latents;             // [B, h, w, C], scaled: as the sampler ended
  std::vector<Image> images;  // RGB
};

/// Draws pictures from text (Rombach et al. 2022, classifier-free guidance). The same request gives the same bits for
/// any number of threads; a picture does not depend on the batch it is in, unless one generator draws for all. Throws
/// what `settle` throws, and whatever the watcher throws.
Drawing text_to_image(const StableDiffusion& model, const TextToImage& request, const Watcher& watcher = {});

/// The first part alone, for whoever decodes later: latents [B, h, w, C], scaled.
Tensor draw_latents(const StableDiffusion& model, const Settled& run, const Watcher& watcher = {});

}  // namespace calotype

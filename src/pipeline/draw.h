#pragma once

#include <functional>
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

/// Noise of unit variance for the stretch from `sigma` down to `next`, instead of the path that the seeds stand for.
using NoisePath = std::function<Tensor(double sigma, double next)>;

/// Draws what was settled, whatever the pipeline. The same request gives the same bits for any number of threads; a
/// picture does not depend on the batch it is in, unless one generator draws for all. Throws whatever the watcher
/// throws.
Drawing draw(const StableDiffusion& model, const Settled& run, const Watcher& watcher = {}, const NoisePath& path = {});

/// The first part alone, for whoever decodes later: latents [B, h, w, C], scaled.
Tensor draw_latents(const StableDiffusion& model, const Settled& run, const Watcher& watcher = {},
                    const NoisePath& path = {});

/// The second: picture `index` of the drawing, decoded from its latents [1, h, w, C], and what the pipeline does to it
/// then.
Image finished_picture(const StableDiffusion& model, const Settled& run, const Tensor& latent, int64_t index,
                       const Tap& tap = {});

}  // namespace calotype

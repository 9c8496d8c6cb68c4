#pragma once

#include <vector>

#include "pipeline/request.h"

namespace calotype {

/// A small picture drawn four times as large by a network that is shown it with some noise on it (Ho et al. 2022,
/// cascaded diffusion).
struct Upscale {
  TextToImage text{.cfg_scale = 9};  // the prompt may be empty; width and height follow from the picture
  std::vector<Image> pictures = {};  // one for all; or picture b is made from pictures[b mod n]
  int64_t noise_level = 20;          // of the model's 0 .. 350: more leaves more to be invented
  bool whole_fours = false;          // first brought to multiples of 4 a side, as diffusers does
};

std::vector<Field> fields(Upscale& request);

/// Without guidance where the prompt is what guidance leads away from: it would change nothing.
Settled settle(const StableDiffusion& model, const Upscale& asked);

}  // namespace calotype

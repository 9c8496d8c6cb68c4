#pragma once

#include <string>
#include <vector>

#include "pipeline/request.h"

namespace calotype {

/// A picture drawn over: noise is laid on its latents, and only the last steps are run (Meng et al. 2022, SDEdit).
struct ImageToImage {
  TextToImage text = {};             // width and height 0: the picture's own size
  std::vector<Image> pictures = {};  // one for all; or picture b begins with pictures[b mod n]
  double strength = 0.8;             // 0 .. 1: how much of it is replaced
  std::string resize_mode = "stretch";
  bool full_size = false;  // no limit for pictures far above the model's size
};

/// All that users may say, `text` included, but for the pictures.
std::vector<Field> fields(ImageToImage& request);

/// Throws as for text; `bad_input` for a strength that leaves no step.
Settled settle(const StableDiffusion& model, const ImageToImage& asked);

}  // namespace calotype

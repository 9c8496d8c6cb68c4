#pragma once

#include <optional>
#include <string>

#include "pipeline/masking.h"

namespace calotype {

/// A part of a picture drawn anew: by a network that is shown what is around it, or by any other, whose latents are put
/// back outside of the mask after every step.
struct Inpaint {
  TextToImage text = {};  // width and height 0: the picture's own size; of a crop, the model's
  Image picture = {};
  Masking masking = {};             // the mask may be left out where `outpaint` adds something
  double strength = 1;              // 0 .. 1: how much of the masked part is replaced
  std::optional<double> crop = {};  // pixels around the mask's box: only that part is drawn, at the drawing's full size
  std::string outpaint = {};        // "L,T,R,B": pixels added at each side
  bool full_size = false;
};

std::vector<Field> fields(Inpaint& request);

Settled settle(const StableDiffusion& model, const Inpaint& asked);

/// The picture with its edge repeated outwards, and the mask (none: black) with what was added in white; `outpaint` as
/// in the request. Throws `bad_input`.
void add_borders(Image& picture, Image& mask, const std::string& outpaint);

}  // namespace calotype

#pragma once

#include "io/image.h"
#include "io/resample.h"
#include "load/stable_diffusion.h"

namespace calotype {

/// What the model's own depth network sees in a picture, RGB, squashed to the square that it was trained on, as
/// diffusers does: one value a pixel of that square, near is greater. Throws `bad_file` where the model has none.
FloatMap predicted_depth(const StableDiffusion& model, const Image& picture);

/// What a depth network sees in a picture, RGB, at the picture's size: its shape is kept, as the original code does.
FloatMap depth_of_picture(const DepthNet& net, const Image& picture);

}  // namespace calotype

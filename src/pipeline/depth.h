#pragma once

#include "io/resample.h"
#include "load/stable_diffusion.h"
#include "tensor/tensor.h"

namespace calotype {

/// A depth map as the network of a depth model is shown it: resampled (bicubic, a = -0.75) to so many cells, then its
/// least value is -1, its greatest 1; a constant one is -1. Near is bright; `invert` turns that round. [1, h, w, 1]
Tensor depth_channel(const FloatMap& map, int64_t height, int64_t width, bool invert = false);

/// The map at another size, by the same filter.
FloatMap resampled_depth(const FloatMap& map, int width, int height);

/// Values brought to 0 .. 1, the least and the greatest at the ends; all 0 for a constant map. What is no number counts
/// as 0.
FloatMap normalized_depth(FloatMap map);

}  // namespace calotype

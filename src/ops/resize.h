#pragma once

#include "tensor/history.h"

namespace calotype {

enum class Interpolation { nearest, bilinear, bicubic };

struct ResizeOptions {
  Interpolation interpolation = Interpolation::bilinear;
  /// The middles of the corner pixels stay where they are; else the outer edges do. Not for `nearest`.
  bool align_corners = false;
};

/// A map [B, H, W, C] at another size, without antialiasing: nearest takes pixel floor(o * in / out); bicubic is Keys'
/// kernel (1981) with a = -0.75; neighbours beyond the border are those at it.
Tensor resize(const Tensor& x, int64_t height, int64_t width, const ResizeOptions& options = {});

}  // namespace calotype

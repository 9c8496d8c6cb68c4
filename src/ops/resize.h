#pragma once

#include "tensor/history.h"

namespace calotype {

enum class Interpolation { nearest, bilinear, bicubic, area };

struct ResizeOptions {
  Interpolation interpolation = Interpolation::bilinear;
  /// The middles of the corner pixels stay where they are; else the outer edges do. Not for `nearest` and `area`.
  bool align_corners = false;
  /// Where the map shrinks, the kernel grows with it, so that every pixel counts. For `bilinear` and `bicubic`, without
  /// `align_corners`.
  bool antialias = false;
};

/// A map [B, H, W, C] at another size, as torch's interpolate makes it: nearest takes pixel floor(o * in / out), the
/// quotient in f32; bicubic is Keys' kernel (1981) with a = -0.75, antialiased -0.5; area is the mean of the pixels
/// from floor(o * in / out) to ceil((o + 1) * in / out). Neighbours beyond the border are those at it, or left out
/// where antialiased.
Tensor resize(const Tensor& x, int64_t height, int64_t width, const ResizeOptions& options = {});

}  // namespace calotype

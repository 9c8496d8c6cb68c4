#pragma once

#include "tensor/history.h"

namespace calotype {

/// Pixels added at each side of a map.
struct Padding {
  int64_t top = 0, bottom = 0, left = 0, right = 0;
};

/// What makes a window of this kernel and stride give ceil(n / stride) results an axis, the smaller half first
/// (TensorFlow's "SAME").
Padding same_padding(int64_t height, int64_t width, int64_t kernel, int64_t stride);

/// [B, H, W, C] with zeros around it.
Tensor pad(const Tensor& x, const Padding& padding);

}  // namespace calotype

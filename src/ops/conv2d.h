#pragma once

#include "ops/linear.h"

namespace calotype {

struct ConvOptions {
  int64_t kernel = 3, stride = 1;
  /// Zeros around the picture; the default for kernel 3. `bottom_right` pads those two sides only (the VAE's way down).
  int64_t padding = 1;
  bool bottom_right = false;
};

/// y = conv(x) + bias + offset + add over maps [B, H, W, in]; weight [out, in, kernel, kernel] in any stored type.
/// -> [B, H', W', out], H' = (H + padding - kernel) / stride + 1. Leaves its channel sums for a group norm after it.
Tensor conv2d(const Reading& x, const Tensor& weight, const Tensor& bias, const ConvOptions& options,
              Epilogue epilogue = {});

}  // namespace calotype

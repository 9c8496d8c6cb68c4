#pragma once

#include "ops/conv2d.h"
#include "ops/pad.h"

namespace calotype {

struct PaddedConvOptions {
  int64_t stride = 1;
  Padding padding = {};
  /// Input and output channels are cut into as many slices, each output slice reading its own; equal to the channels,
  /// the convolution is depthwise.
  int64_t groups = 1;
};

/// conv2d with any padding and with groups: x [B, H, W, in], weight [out, in / groups, kernel, kernel], bias [out] or
/// none. f32 or f64.
Tensor padded_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const PaddedConvOptions& options = {});

/// The transposed convolution whose stride is its kernel: every pixel becomes a square of kernel by kernel. x [B, H, W,
/// in], weight [in, out, kernel, kernel], bias [out] or none -> [B, kernel H, kernel W, out].
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// (w - mean) / sqrt(variance + epsilon) over what each output channel reads, variance without Bessel's correction
/// (Qiao et al. 2019, "Weight standardization"). w [out, ...].
Tensor standardised_weight(const Tensor& weight, double epsilon);

}  // namespace calotype

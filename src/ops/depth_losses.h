#pragma once

#include "tensor/history.h"

namespace calotype {

// Losses of a depth estimator that knows disparity up to scale and shift (Ranftl et al. 2020, "Towards robust monocular
// depth estimation"). d is the prediction, y the truth, [B, H, W] each; valid [B, H, W] holds 1 where the truth is
// known, else 0, and carries no gradient. All are scalars, sums over the batch divided by its valid pixels, and
// differentiable by d and y, through their alignment too. Nothing valid gives 0.

/// (x - t) / s over the valid pixels of each picture, 0 elsewhere; t is the (lower) median, s the mean of |x - t|, at
/// least 1e-6.
Tensor align_by_median(const Tensor& x, const Tensor& valid);

/// Squared differences after the scale and shift of d that make them least, halved.
Tensor ssi_mse(const Tensor& d, const Tensor& y, const Tensor& valid);

/// Absolute differences, halved, after both were aligned by median; in each picture only the smallest
/// floor(kept * valid pixels) of them.
Tensor ssi_trimmed(const Tensor& d, const Tensor& y, const Tensor& valid, double kept = 0.8);

/// Absolute differences of valid neighbours (right and below) of the residual of both, aligned by median, taken at
/// every pixel, every second, every fourth...; each scale divided by its own valid pixels, then summed.
Tensor gradient_matching(const Tensor& d, const Tensor& y, const Tensor& valid, int scales = 4);

}  // namespace calotype

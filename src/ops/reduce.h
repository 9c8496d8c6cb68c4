#pragma once

#include "tensor/history.h"

namespace calotype {

/// The sum, or the mean, of all elements: a scalar.
Tensor sum(const Tensor& x);
Tensor mean(const Tensor& x);
/// The mean over all axes but the first: [B, ...] -> [B].
Tensor mean_per_picture(const Tensor& x);
/// The mean over pixels: [B, H, W, C] -> [B, C].
Tensor mean_over_pixels(const Tensor& x);

}  // namespace calotype

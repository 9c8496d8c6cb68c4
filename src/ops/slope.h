#pragma once

#include "tensor/history.h"

namespace calotype {

/// Mean of |d(x + 1) - d(x)| along rows, plus the same down columns: how far the edges of two pictures are apart, for d
/// their difference [B, H, W, C].
Tensor mean_absolute_slope(const Tensor& d);

}  // namespace calotype

#pragma once

#include "tensor/history.h"

namespace calotype {

struct PoolOptions {
  int64_t kernel = 3, stride = 2;
};

/// The greatest value of each window: [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), C], windows laid as
/// `same_padding` lays them; what is beyond the border never wins. The first of equals gets the gradient.
Tensor max_pool(const Tensor& x, const PoolOptions& options = {});

}  // namespace calotype

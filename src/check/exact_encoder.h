#pragma once

#include <vector>

#include "base/model_config.h"
#include "tensor/tensor.h"

namespace calotype::checker {

/// Mean and log-variance, side by side, that the encoder of an autoencoder with weights by formula gives pictures, in
/// f64 throughout. `pictures` are [B, 3, H, W] as reference data store them. -> [B, h, w, 2 C]
Tensor exact_moments(const VaeConfig& config, const std::vector<double>& pictures, const Shape& shape);

}  // namespace calotype::checker

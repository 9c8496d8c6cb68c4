#pragma once

#include <span>

#include "tensor/tensor.h"

namespace calotype {

/// What the weights of a prompt's tokens do to its encoding.
enum class Weighting {
  mean_restored,  ///< each row times its weight, then all times one factor, so that the chunk's mean is what it was
  plain,          ///< each row times its weight
  from_empty,     ///< each row's distance from the empty prompt's, times its weight (ComfyUI)
};

/// `encoding` [chunks, 77, width], a weight a row; `empty` [1, 77, width] is read by `from_empty` alone. The encoding
/// itself comes back where all weights are 1. Means are summed in double: they are far smaller than what they sum.
Tensor weighted(const Tensor& encoding, std::span<const double> weights, Weighting weighting, const Tensor& empty = {});

}  // namespace calotype

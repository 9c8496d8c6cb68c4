#pragma once

#include "ops/linear.h"

namespace calotype {

/// A change of a weight as a product of two narrow ones (Hu et al. 2021), W + up down, that is never multiplied out.
struct LowRank {
  Tensor down;  // [r, in]
  Tensor up;    // [out, r]
};

/// `linear` with the changed weight: activation(x (W + up down)ᵀ + bias + offset) + add.
Tensor linear(const Reading& x, const Tensor& weight, const Tensor& bias, const LowRank& change, Precision precision,
              Epilogue epilogue);

}  // namespace calotype

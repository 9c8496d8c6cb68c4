#pragma once

#include "tensor/history.h"

namespace calotype {

/// x Φ(x) with the error function (Hendrycks and Gimpel 2016).
Tensor gelu(const Tensor& x);
/// x sigmoid(1.702 x)
Tensor quick_gelu(const Tensor& x);
/// value * gelu(gate): [..., 2 C] -> [..., C], values in the first half.
Tensor geglu(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
/// x, or 0.2 x below zero.
Tensor leaky_relu(const Tensor& x);
Tensor tanh(const Tensor& x);
/// 3 tanh(x / 3)
Tensor tanh_clamp(const Tensor& x);

}  // namespace calotype

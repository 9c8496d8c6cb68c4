#pragma once

#include "ops/reading.h"

namespace calotype {

using kernels::Activation;
using kernels::Precision;

/// What a product does to a tile before it stores it: y = activation(product + bias + offset) + add.
struct Epilogue {
  Tensor offset = {};  // [B, out]: one value for all pixels of a picture
  Tensor add = {};     // shaped like y; moved in with no other owner, y is written over it
  Activation activation = Activation::none;
};

/// y = activation(x wᵀ + bias + offset) + add: [..., in] -> [..., out]. The weight [out, in] ([2 out, in] under geglu,
/// values first) lies in any stored type; trailing axes of 1 are overlooked, so a 1x1 convolution's will do. A bias
/// that is none is zero.
Tensor linear(const Reading& x, const Tensor& weight, const Tensor& bias, Precision precision = Precision::f32,
              Epilogue epilogue = {});

/// The activation as an op of its own.
Tensor activated(Tensor x, Activation activation);

}  // namespace calotype

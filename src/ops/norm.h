#pragma once

#include "tensor/history.h"

namespace calotype {

/// Softmax over the last axis.
Tensor softmax(const Tensor& x);
/// Each row of the last axis divided by its length, or by 1e-12 where it is shorter: a row of zeros stays one.
Tensor l2_normalise(const Tensor& x);
/// Batch norm in training mode: statistics of all pictures and pixels, per channel, biased variance. x [..., C].
Tensor batch_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon);

}  // namespace calotype

#pragma once

#include "tensor/tensor.h"

namespace calotype {

/// What a convolution leaves with its result for the group norm after it: sum and sum of squares of every channel of
/// every picture, [B, C, 2] in f64. Gone as soon as the tensor is edited.
void leave_channel_sums(const Tensor& y, Tensor sums);
/// The sums that were left with x, else none.
Tensor left_channel_sums(const Tensor& x);

}  // namespace calotype

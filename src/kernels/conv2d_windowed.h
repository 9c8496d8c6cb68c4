#pragma once

#include "kernels/conv2d.h"

namespace calotype::kernels {

/// The contract of conv2d_weight_gradient for any shape, from staged strips; pointwise ones are better off as linear.
void windowed_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                              float* dbias);

}  // namespace calotype::kernels

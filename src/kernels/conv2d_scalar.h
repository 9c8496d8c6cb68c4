#pragma once

#include "kernels/conv2d.h"

namespace calotype::kernels::scalar {

// The contracts of conv2d.h in plain C++, made of the reference: what `--isa scalar` runs. These allocate.
void conv2d(const Conv2d& problem);
void conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx);
void conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight, float* dbias);

}  // namespace calotype::kernels::scalar

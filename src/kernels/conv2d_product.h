#pragma once

#include "kernels/conv2d.h"

namespace calotype::kernels {

// Convolutions as implicit products: any kernel, stride and padding. A stretch of the map is staged, with all that its
// reading asks for, into a strip that has its zeros around it; there the windows of neighbouring pixels are rows of a
// matrix as they lie, and nothing is written out nine times.

void product_conv2d(const Conv2d& problem);
void product_conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx);
void product_conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                                    float* dbias);

}  // namespace calotype::kernels

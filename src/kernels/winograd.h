#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv2d.h"

namespace calotype::kernels {

// 3x3 convolutions of stride 1 and padding 1 by Winograd's F(4x4, 3x3) with the points 0, ±√½, ±√2, ∞ (Lavin and Gray
// 2015; the points keep the error near that of a direct sum): 36 products for 144. Everything is f32.

/// Why a shape is left to the plain product; null when Winograd takes it. Looks at one picture, never at the batch.
const char* winograd_declines(const ConvShape& shape);
const char* winograd_data_gradient_declines(const ConvShape& shape);
const char* winograd_weight_gradient_declines(const ConvShape& shape);

/// The contract of conv2d. The bits depend neither on the threads nor on the batch.
void winograd_forward(const Conv2d& problem);

/// The contracts of conv2d_row_cuts and conv2d_rows: rows of blocks of tiles.
std::vector<int64_t> winograd_row_cuts(const ConvShape& shape);
void winograd_forward_rows(const Conv2d& problem, int64_t first, int64_t end);

/// The contract of conv2d_data_gradient: the same convolution with the weights turned round and their sides exchanged.
void winograd_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx);

/// The contract of conv2d_weight_gradient: 36 products over all tiles.
void winograd_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight,
                              float* dbias);

}  // namespace calotype::kernels

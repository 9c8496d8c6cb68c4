#pragma once

#include <cstdint>
#include <vector>

#include "kernels/entry.h"
#include "kernels/linear.h"

namespace calotype::kernels {

/// Shape of a convolution over [B, H, W, C] maps. Padding is zeros: top, bottom, left, right each.
struct ConvShape {
  int64_t batch, height, width;  // of the input as it is read (after doubling)
  int64_t in, out;
  int64_t kernel = 3, stride = 1;
  int64_t top = 1, bottom = 1, left = 1, right = 1;
  int64_t out_height() const { return (height + top + bottom - kernel) / stride + 1; }
  int64_t out_width() const { return (width + left + right - kernel) / stride + 1; }
};

/// How the input is read: two maps side by side in channels, each pixel doubled in both directions, then
/// x * scale + shift per picture and channel (a folded group norm), then SiLU.
struct MapReading {
  const float* first;             // [B, H, W, first_channels] (half of H and W when doubled)
  int64_t first_channels;         // in, when there is no second map
  const float* second = nullptr;  // [B, H, W, in - first_channels]
  const float* scale = nullptr;   // [B, in]; null: no norm
  const float* shift = nullptr;   // [B, in]
  bool doubled = false;
  bool silu = false;
};

/// y = conv(reading) + bias + offset per picture + add; sums of y for the next group norm where wanted.
struct Conv2d {
  ConvShape shape;
  MapReading x;
  Weights weight;                 // [out, in, kernel, kernel] as in the file
  const float* bias = nullptr;    // [out]
  const float* offset = nullptr;  // [B, out]
  const float* add = nullptr;     // like y; may be y itself
  float* y;                       // [B, out_height, out_width, out]
  double* sums = nullptr;         // [B, out, 2]: sum and sum of squares of y over pixels; null: not wanted
};

void conv2d(const Conv2d& problem);

/// dx = gradient by the input as read, [B, height, width, in].
void conv2d_data_gradient(const ConvShape& shape, Weights weight, const float* dy, float* dx);

/// dweight [out, in, kernel, kernel]; dbias [out]; either may be null. x is read as forward reads it.
void conv2d_weight_gradient(const ConvShape& shape, const MapReading& x, const float* dy, float* dweight, float* dbias);

/// The kernels that know this shape, in the order in which they are tried: the first that declines nothing runs.
std::vector<KernelChoice> conv2d_choices(const ConvShape& shape);
std::vector<KernelChoice> conv2d_data_gradient_choices(const ConvShape& shape);
std::vector<KernelChoice> conv2d_weight_gradient_choices(const ConvShape& shape);

namespace reference {
template <class T>
void conv2d(const ConvShape& shape, const T* x, const T* weight, const T* bias, T* y);
template <class T>
void conv2d_data_gradient(const ConvShape& shape, const T* weight, const T* dy, T* dx);
template <class T>
void conv2d_weight_gradient(const ConvShape& shape, const T* x, const T* dy, T* dweight, T* dbias);
}  // namespace reference

}  // namespace calotype::kernels

#pragma once

#include <cstdint>

namespace calotype::kernels {

// Group norm (Wu and He 2018) over maps [B, pixels, C]: sums of each channel, folded to one factor and one addend per
// picture and channel, applied. Where a convolution left the sums with its result, only the last two steps remain.
//
// The overloads for double are plain C++, as is everything under `scalar`.

struct GroupNormShape {
  int64_t batch, pixels, channels, groups;  // groups divides channels
};

/// Sums [B, C, 2] of x and of x^2 over the pixels of each picture, in double: then the variance below is good for any
/// mean. Ranges of pixels depend on pixels and channels alone.
void channel_sums(int64_t batch, int64_t pixels, int64_t channels, const float* x, double* sums);
void channel_sums(int64_t batch, int64_t pixels, int64_t channels, const double* x, double* sums);

/// The sums of a map, or of two maps side by side in channels.
struct ChannelSums {
  const double* first;             // [B, first_channels, 2]
  int64_t first_channels;          // all channels, when there is no second map
  const double* second = nullptr;  // [B, channels - first_channels, 2]
};

/// scale and shift [B, C] such that the norm of x is x * scale + shift. gain and bias [C]; null means 1 and 0. Biased
/// variance. Sums that a convolution gathered from tiles in f32 keep it good to a |mean| of ten deviations.
void fold_group_norm(const GroupNormShape& shape, const ChannelSums& sums, const float* gain, const float* bias,
                     double epsilon, float* scale, float* shift);
void fold_group_norm(const GroupNormShape& shape, const ChannelSums& sums, const double* gain, const double* bias,
                     double epsilon, double* scale, double* shift);

/// y = x * scale + shift, then SiLU where wanted. x, y [B, pixels, C], scale, shift [B, C]; y may be x.
void apply_group_norm(const GroupNormShape& shape, const float* x, const float* scale, const float* shift, bool silu,
                      float* y);
void apply_group_norm(const GroupNormShape& shape, const double* x, const double* scale, const double* shift, bool silu,
                      double* y);

/// The gradient of y = norm(x), or of y = silu(norm(x)), from x, its sums and dy. Nothing normalised is needed: it is
/// made again. dx [B, pixels, C] may be dy; dgain and dbias [C] are sums over the pictures in order; each may be null.
template <class T>
struct GroupNormGradient {
  GroupNormShape shape;
  const T* x;
  const double* sums;  // [B, C, 2]
  const T* gain;       // null: 1
  const T* bias;       // null: 0
  double epsilon;
  bool silu = false;
  const T* dy;
  T* dx;
  T* dgain;
  T* dbias;
};
void group_norm_gradient(const GroupNormGradient<float>& problem);
void group_norm_gradient(const GroupNormGradient<double>& problem);

/// Layer norm (Ba et al. 2016) of each row of x [rows, width]; gain and bias [width], null means 1 and 0. y may be x.
void layer_norm(int64_t rows, int64_t width, const float* x, const float* gain, const float* bias, double epsilon,
                float* y);
void layer_norm(int64_t rows, int64_t width, const double* x, const double* gain, const double* bias, double epsilon,
                double* y);

/// dx may be dy, dgain and dbias [width] are sums over all rows; each may be null.
void layer_norm_gradient(int64_t rows, int64_t width, const float* x, const float* gain, double epsilon,
                         const float* dy, float* dx, float* dgain, float* dbias);
void layer_norm_gradient(int64_t rows, int64_t width, const double* x, const double* gain, double epsilon,
                         const double* dy, double* dx, double* dgain, double* dbias);

/// Each row of x [rows, width] divided by its length, or by 1e-12 where it is shorter. y may be x.
void l2_normalise(int64_t rows, int64_t width, const float* x, float* y);
void l2_normalise(int64_t rows, int64_t width, const double* x, double* y);
/// dx may be dy.
void l2_normalise_gradient(int64_t rows, int64_t width, const float* x, const float* dy, float* dx);
void l2_normalise_gradient(int64_t rows, int64_t width, const double* x, const double* dy, double* dx);

}  // namespace calotype::kernels

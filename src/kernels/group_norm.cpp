#include <cmath>
#include <vector>

#include "kernels/norm.h"
#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/group_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/columns-inl.h"
#include "kernels/dispatch.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr FloatTag kFloats;

void channel_sums_vector(int64_t pixels, int64_t channels, const float* x, double* sums) {
  sum_columns<2>(pixels, channels, sums, [=](int64_t p, int64_t c, int64_t count, WideSum(&s)[2]) HWY_ATTR {
    const FloatVector v = load_up_to(x + p * channels + c, count);
    s[0].add(v);
    s[1].add_product(v, v);
  });
}

void apply_vector(int64_t pixels, int64_t channels, const float* x, const float* scale, const float* shift,
                  bool with_silu, float* y) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels) {
    if (with_silu)
      map(
          channels, y,
          [](FloatVector v, FloatVector a, FloatVector b) HWY_ATTR { return silu(kFloats, hn::MulAdd(v, a, b)); }, x,
          scale, shift);
    else
      map(
          channels, y, [](FloatVector v, FloatVector a, FloatVector b) HWY_ATTR { return hn::MulAdd(v, a, b); }, x,
          scale, shift);
  }
}

// The gradient by the norm's result, made from the gradient by SiLU of it.
HWY_INLINE FloatVector before_silu(FloatVector v, FloatVector dy, FloatVector scale, FloatVector shift) {
  return hn::Mul(dy, silu_slope(kFloats, hn::MulAdd(v, scale, shift)));
}

// Sums of dz and of dz x, dz the gradient by the norm's result. Leaves dz for the pass to come, where it is wanted.
void gradient_sums_vector(int64_t pixels, int64_t channels, const float* x, const float* dy, const float* scale,
                          const float* shift, bool with_silu, float* dz, double* sums) {
  sum_columns<2>(pixels, channels, sums, [=](int64_t p, int64_t c, int64_t count, WideSum(&s)[2]) HWY_ATTR {
    const FloatVector v = load_up_to(x + p * channels + c, count);
    FloatVector g = load_up_to(dy + p * channels + c, count);
    if (with_silu) g = before_silu(v, g, load_up_to(scale + c, count), load_up_to(shift + c, count));
    if (with_silu && dz) store_up_to(g, dz + p * channels + c, count);
    s[0].add(g);
    s[1].add_product(g, v);
  });
}

void gradient_apply_vector(int64_t pixels, int64_t channels, const float* x, const float* dz, const float* scale,
                           const float* slope, const float* offset, float* dx) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, dz += channels, dx += channels)
    map(
        channels, dx,
        [](FloatVector v, FloatVector g, FloatVector a, FloatVector m, FloatVector o)
            HWY_ATTR { return hn::MulAdd(a, g, hn::MulAdd(m, v, o)); },
        x, dz, scale, slope, offset);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

// One range of pixels of one picture, in plain C++.

template <class T>
void plain_channel_sums(int64_t pixels, int64_t channels, const T* x, double* sums) {
  std::fill(sums, sums + 2 * channels, 0.0);
  for (int64_t p = 0; p < pixels; ++p, x += channels)
    for (int64_t c = 0; c < channels; ++c) {
      sums[2 * c] += x[c];
      sums[2 * c + 1] += double(x[c]) * x[c];
    }
}

template <class T>
void plain_apply(int64_t pixels, int64_t channels, const T* x, const T* scale, const T* shift, bool silu, T* y) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const T z = x[c] * scale[c] + shift[c];
      y[c] = silu ? z / (1 + std::exp(-z)) : z;
    }
}

template <class T>
T plain_before_silu(T x, T dy, T scale, T shift) {
  const T z = x * scale + shift, s = 1 / (1 + std::exp(-z));
  return dy * s * (1 + z * (1 - s));
}

template <class T>
void plain_gradient_sums(int64_t pixels, int64_t channels, const T* x, const T* dy, const T* scale, const T* shift,
                         bool silu, T* dz, double* sums) {
  std::fill(sums, sums + 2 * channels, 0.0);
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t i = p * channels + c;
      const T g = silu ? plain_before_silu(x[i], dy[i], scale[c], shift[c]) : dy[i];
      if (silu && dz) dz[i] = g;
      sums[2 * c] += g;
      sums[2 * c + 1] += double(g) * x[i];
    }
}

template <class T>
void plain_gradient_apply(int64_t pixels, int64_t channels, const T* x, const T* dz, const T* scale, const T* slope,
                          const T* offset, T* dx) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, dz += channels, dx += channels)
    for (int64_t c = 0; c < channels; ++c) dx[c] = scale[c] * dz[c] + slope[c] * x[c] + offset[c];
}

// The pixels of a batch cut in ranges: none spans two pictures, and a task holds several where they are short.
template <class Body>
void over_ranges(int64_t batch, int64_t pixels, int64_t channels, const Body& body) {
  const int64_t range = rows_per_range(pixels, channels), ranges = (pixels + range - 1) / range;
  over_pieces(batch * ranges, items_per_task(std::min(pixels, range) * channels), [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i)
      body(i / ranges, i % ranges * range, std::min(range, pixels - i % ranges * range), i);
  });
}

// sums [batch, channels, 2] from range_sums(b, first pixel, pixels, partial sums), added in order.
template <class RangeSums>
void sum_ranges(int64_t batch, int64_t pixels, int64_t channels, double* sums, const RangeSums& range_sums) {
  const int64_t range = rows_per_range(pixels, channels), ranges = (pixels + range - 1) / range, size = 2 * channels;
  if (ranges == 1)
    return over_ranges(batch, pixels, channels, [&](int64_t b, int64_t first, int64_t count, int64_t) {
      range_sums(b, first, count, sums + b * size);
    });
  std::vector<double> partial(batch * ranges * size);
  over_ranges(batch, pixels, channels, [&](int64_t b, int64_t first, int64_t count, int64_t i) {
    range_sums(b, first, count, partial.data() + i * size);
  });
  std::fill(sums, sums + batch * size, 0.0);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < ranges; ++i)
      for (int64_t c = 0; c < size; ++c) sums[b * size + c] += partial[(b * ranges + i) * size + c];
}

template <class T>
void channel_sums_by(void (*range_sums)(int64_t, int64_t, const T*, double*), int64_t batch, int64_t pixels,
                     int64_t channels, const T* x, double* sums) {
  sum_ranges(batch, pixels, channels, sums, [=](int64_t b, int64_t first, int64_t count, double* to) {
    range_sums(count, channels, x + (b * pixels + first) * channels, to);
  });
}

struct Moments {
  double mean, inverse_deviation;
};

Moments moments_of(const GroupNormShape& shape, const ChannelSums& sums, double epsilon, int64_t picture,
                   int64_t group) {
  const int64_t width = shape.channels / shape.groups, second_channels = shape.channels - sums.first_channels;
  double total = 0, squares = 0;
  for (int64_t c = group * width; c < (group + 1) * width; ++c) {
    const double* pair = c < sums.first_channels
                             ? sums.first + (picture * sums.first_channels + c) * 2
                             : sums.second + (picture * second_channels + c - sums.first_channels) * 2;
    total += pair[0];
    squares += pair[1];
  }
  const double count = double(shape.pixels) * double(width), mean = total / count;
  const double variance = std::max(0.0, squares / count - mean * mean);
  return {mean, 1 / std::sqrt(variance + epsilon)};
}

template <class T>
void fold(const GroupNormShape& shape, const ChannelSums& sums, const T* gain, const T* bias, double epsilon, T* scale,
          T* shift) {
  const int64_t width = shape.channels / shape.groups;
  for (int64_t b = 0; b < shape.batch; ++b)
    for (int64_t g = 0; g < shape.groups; ++g) {
      const Moments m = moments_of(shape, sums, epsilon, b, g);
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const double factor = m.inverse_deviation * (gain ? gain[c] : 1);
        scale[b * shape.channels + c] = T(factor);
        // From the factor as it is rounded, else x * scale + shift is off by mean * epsilon where x is the mean.
        shift[b * shape.channels + c] = T((bias ? bias[c] : 0) - m.mean * double(T(factor)));
      }
    }
}

template <class T>
void apply_by(void (*range)(int64_t, int64_t, const T*, const T*, const T*, bool, T*), const GroupNormShape& shape,
              const T* x, const T* scale, const T* shift, bool silu, T* y) {
  over_ranges(shape.batch, shape.pixels, shape.channels, [=](int64_t b, int64_t first, int64_t count, int64_t) {
    const int64_t at = (b * shape.pixels + first) * shape.channels, row = b * shape.channels;
    range(count, shape.channels, x + at, scale + row, shift + row, silu, y + at);
  });
}

template <class T>
struct GradientRanges {
  void (*sums)(int64_t, int64_t, const T*, const T*, const T*, const T*, bool, T*, double*);
  void (*apply)(int64_t, int64_t, const T*, const T*, const T*, const T*, const T*, T*);
};

// With g = gain * dy and means over a group: dx = r (g - mean g - x̂ mean(g x̂)), written as scale dy + slope x + offset.
template <class T>
void gradient_by(const GradientRanges<T>& ranges, const GroupNormGradient<T>& p) {
  const auto [batch, pixels, channels, groups] = p.shape;
  const ChannelSums sums{p.sums, channels};
  std::vector<T> scale(batch * channels), shift(batch * channels), slope(batch * channels), offset(batch * channels);
  fold(p.shape, sums, p.gain, p.bias, p.epsilon, scale.data(), shift.data());

  std::vector<double> dy_sums(batch * channels * 2);  // of dy and of dy x, dy taken before SiLU
  sum_ranges(batch, pixels, channels, dy_sums.data(),
             [&, pixels = pixels, channels = channels](int64_t b, int64_t first, int64_t count, double* to) {
               const int64_t at = (b * pixels + first) * channels, row = b * channels;
               ranges.sums(count, channels, p.x + at, p.dy + at, scale.data() + row, shift.data() + row, p.silu,
                           p.dx ? p.dx + at : nullptr, to);
             });

  std::vector<double> dgain(channels), dbias(channels);
  const int64_t width = channels / groups;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t g = 0; g < groups; ++g) {
      const Moments m = moments_of(p.shape, sums, p.epsilon, b, g);
      double mean = 0, mean_product = 0;  // of g and of g x̂
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        const double* pair = dy_sums.data() + (b * channels + c) * 2;
        const double product = m.inverse_deviation * (pair[1] - m.mean * pair[0]), gain = p.gain ? p.gain[c] : 1;
        dbias[c] += pair[0];
        dgain[c] += product;
        mean += gain * pair[0];
        mean_product += gain * product;
      }
      mean /= double(pixels) * double(width);
      mean_product /= double(pixels) * double(width);
      const T factor = T(-m.inverse_deviation * m.inverse_deviation * mean_product);
      for (int64_t c = g * width; c < (g + 1) * width; ++c) {
        slope[b * channels + c] = factor;
        offset[b * channels + c] = T(-m.inverse_deviation * mean - double(factor) * m.mean);
      }
    }
  if (p.dgain) std::copy(dgain.begin(), dgain.end(), p.dgain);
  if (p.dbias) std::copy(dbias.begin(), dbias.end(), p.dbias);
  if (!p.dx) return;
  const T* dz = p.silu ? p.dx : p.dy;
  over_ranges(batch, pixels, channels,
              [&, pixels = pixels, channels = channels](int64_t b, int64_t first, int64_t count, int64_t) {
                const int64_t at = (b * pixels + first) * channels, row = b * channels;
                ranges.apply(count, channels, p.x + at, dz + at, scale.data() + row, slope.data() + row,
                             offset.data() + row, p.dx + at);
              });
}

}  // namespace

void channel_sums(int64_t batch, int64_t pixels, int64_t channels, const float* x, double* sums) {
  channel_sums_by(isa() == Isa::scalar ? plain_channel_sums<float> : CALOTYPE_KERNEL(channel_sums_vector), batch,
                  pixels, channels, x, sums);
}

void channel_sums(int64_t batch, int64_t pixels, int64_t channels, const double* x, double* sums) {
  channel_sums_by(plain_channel_sums<double>, batch, pixels, channels, x, sums);
}

void fold_group_norm(const GroupNormShape& shape, const ChannelSums& sums, const float* gain, const float* bias,
                     double epsilon, float* scale, float* shift) {
  fold(shape, sums, gain, bias, epsilon, scale, shift);
}

void fold_group_norm(const GroupNormShape& shape, const ChannelSums& sums, const double* gain, const double* bias,
                     double epsilon, double* scale, double* shift) {
  fold(shape, sums, gain, bias, epsilon, scale, shift);
}

void apply_group_norm(const GroupNormShape& shape, const float* x, const float* scale, const float* shift, bool silu,
                      float* y) {
  apply_by(isa() == Isa::scalar ? plain_apply<float> : CALOTYPE_KERNEL(apply_vector), shape, x, scale, shift, silu, y);
}

void apply_group_norm(const GroupNormShape& shape, const double* x, const double* scale, const double* shift, bool silu,
                      double* y) {
  apply_by(plain_apply<double>, shape, x, scale, shift, silu, y);
}

void group_norm_gradient(const GroupNormGradient<float>& problem) {
  if (isa() == Isa::scalar) return gradient_by({plain_gradient_sums<float>, plain_gradient_apply<float>}, problem);
  gradient_by({CALOTYPE_KERNEL(gradient_sums_vector), CALOTYPE_KERNEL(gradient_apply_vector)}, problem);
}

void group_norm_gradient(const GroupNormGradient<double>& problem) {
  gradient_by({plain_gradient_sums<double>, plain_gradient_apply<double>}, problem);
}

}  // namespace calotype::kernels
#endif

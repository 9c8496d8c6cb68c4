#include "ops/conv_variants.h"

#include <cmath>

#include "ops/arithmetic.h"
#include "ops/loops.h"
#include "ops/structure.h"

namespace calotype {
namespace {

/// Channels that one task of a weight gradient takes.
constexpr int64_t kChannelsPerTask = 16;

/// A depthwise convolution of an already padded map.
struct Depthwise {
  int64_t batch, height, width, channels, kernel, stride;
  int64_t out_height() const { return (height - kernel) / stride + 1; }
  int64_t out_width() const { return (width - kernel) / stride + 1; }

  /// Channels of the input pixel at (i, j) of picture b.
  int64_t input(int64_t b, int64_t i, int64_t j) const { return ((b * height + i) * width + j) * channels; }

  /// body(output row and pixel's first channel, input's first channel, tap) for all windows and taps of an output row.
  template <class Body>
  void over_row(int64_t row, const Body& body) const {
    const int64_t b = row / out_height(), top = row % out_height() * stride;
    for (int64_t j = 0; j < out_width(); ++j)
      for (int64_t tap = 0; tap < kernel * kernel; ++tap)
        body((row * out_width() + j) * channels, input(b, top + tap / kernel, j * stride + tap % kernel), tap);
  }

  template <class T>
  void forward(std::span<const T> x, std::span<const T> weight, std::span<T> y) const {
    const int64_t taps = kernel * kernel;
    for_rows(batch * out_height(), out_width() * channels * taps, [&](int64_t row) {
      std::fill_n(y.data() + row * out_width() * channels, out_width() * channels, T(0));
      over_row(row, [&](int64_t to, int64_t from, int64_t tap) {
        for (int64_t c = 0; c < channels; ++c) y[to + c] += x[from + c] * weight[c * taps + tap];
      });
    });
  }

  template <class T>
  void data_gradient(std::span<const T> weight, std::span<const T> dy, std::span<T> dx) const {
    const int64_t taps = kernel * kernel;
    std::ranges::fill(dx, T(0));
    parallel_for(batch, [&](int64_t b) {  // windows overlap, pictures do not
      for (int64_t row = b * out_height(); row < (b + 1) * out_height(); ++row)
        over_row(row, [&](int64_t to, int64_t from, int64_t tap) {
          for (int64_t c = 0; c < channels; ++c) dx[from + c] += dy[to + c] * weight[c * taps + tap];
        });
    });
  }

  template <class T>
  void weight_gradient(std::span<const T> x, std::span<const T> dy, std::span<T> dweight) const {
    const int64_t taps = kernel * kernel;
    kernels::over_pieces(channels, kChannelsPerTask, [&](int64_t first, int64_t count) {
      std::vector<double> sums(count * taps);
      for (int64_t row = 0; row < batch * out_height(); ++row)
        over_row(row, [&](int64_t to, int64_t from, int64_t tap) {
          for (int64_t c = 0; c < count; ++c)
            sums[c * taps + tap] += double(x[from + first + c]) * double(dy[to + first + c]);
        });
      std::ranges::transform(sums, dweight.begin() + first * taps, [](double sum) { return T(sum); });
    });
  }
};

Tensor depthwise(const Tensor& x, const Tensor& weight, int64_t stride) {
  const Depthwise shape{x.dim(0), x.dim(1), x.dim(2), x.dim(3), weight.dim(2), stride};
  Tensor y = Tensor::empty({shape.batch, shape.out_height(), shape.out_width(), shape.channels}, x.dtype());
  for_float(x.dtype(), [&]<class T>() { shape.forward<T>(x.view<T>(), weight.view<T>(), y.edit<T>()); });
  return recorded("depthwise", y, {x, weight},
                  [x = x.detach(), weight = weight.detach(), shape](const Tensor& dy, Wanted wanted) {
                    Grads gradients(2);
                    if (wanted[0]) gradients[0] = Tensor::empty(x.shape(), x.dtype());
                    if (wanted[1]) gradients[1] = Tensor::empty(weight.shape(), x.dtype());
                    for_float(x.dtype(), [&]<class T>() {
                      if (wanted[0]) shape.data_gradient<T>(weight.view<T>(), dy.view<T>(), gradients[0].edit<T>());
                      if (wanted[1]) shape.weight_gradient<T>(x.view<T>(), dy.view<T>(), gradients[1].edit<T>());
                    });
                    return gradients;
                  });
}

/// [B, H, W, out * k * k] (k rows of k pixels of each output channel) -> [B, k H, k W, out]. `back` goes the other way.
template <class T>
void unfold_squares(const Shape& large, int64_t k, bool back, std::span<const T> from, std::span<T> to) {
  const int64_t width = large[2], out = large[3];
  for_rows(large[0] * large[1], width * out, [&](int64_t row) {
    for (int64_t j = 0; j < width; ++j) {
      const int64_t square = ((row / k) * (width / k) + j / k) * out * k * k + row % k * k + j % k;
      for (int64_t c = 0; c < out; ++c) {
        const int64_t pixel = (row * width + j) * out + c, tap = square + c * k * k;
        if (back)
          to[tap] = from[pixel];
        else
          to[pixel] = from[tap];
      }
    }
  });
}

Tensor squares_to_pixels(const Tensor& x, int64_t k) {
  const Shape large{x.dim(0), x.dim(1) * k, x.dim(2) * k, x.dim(3) / (k * k)};
  Tensor y = Tensor::empty(large, x.dtype());
  for_float(x.dtype(), [&]<class T>() { unfold_squares<T>(large, k, false, x.view<T>(), y.edit<T>()); });
  return recorded("squares_to_pixels", y, {x}, [shape = x.shape(), large, k](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() { unfold_squares<T>(large, k, true, dy.view<T>(), dx.edit<T>()); });
    return Grads{dx};
  });
}

}  // namespace

Tensor padded_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const PaddedConvOptions& options) {
  const auto& [stride, padding, groups] = options;
  check(x.shape().rank() == 4 && weight.shape().rank() == 4 && weight.dim(2) == weight.dim(3) && groups > 0 &&
            weight.dim(0) % groups == 0 && weight.dim(1) * groups == x.dim(3),
        "padded_conv2d: x {}, weight {}, {} groups", x.shape().text(), weight.shape().text(), groups);
  const int64_t kernel = weight.dim(2), out = weight.dim(0) / groups;
  const Tensor wide = pad(x, padding);
  check(wide.dim(1) >= kernel && wide.dim(2) >= kernel, "padded_conv2d: {} with its padding is less than the kernel {}",
        x.shape().text(), kernel);
  const ConvOptions plain{.kernel = kernel, .stride = stride, .padding = 0};
  if (groups == 1) return conv2d(wide, weight, bias, plain);
  Tensor y;
  if (weight.dim(1) == 1 && out == 1) {
    y = depthwise(wide, weight, stride);
  } else {
    for (int64_t g = 0; g < groups; ++g) {
      const Tensor part =
          conv2d(slice_channels(wide, g * weight.dim(1), weight.dim(1)), weight.rows(g * out, out), {}, plain);
      y = g == 0 ? part : concat_channels(y, part);
    }
  }
  return bias ? add_row(y, bias) : y;
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x.shape().rank() == 4 && weight.shape().rank() == 4 && weight.dim(2) == weight.dim(3) &&
            weight.dim(0) == x.dim(3),
        "conv_transpose2d: x {}, weight {}", x.shape().text(), weight.shape().text());
  const Tensor squares = linear(x, transpose(weight.reshape({weight.dim(0), -1})), {});
  const Tensor y = squares_to_pixels(squares, weight.dim(2));
  return bias ? add_row(y, bias) : y;
}

Tensor standardised_weight(const Tensor& weight, double epsilon) {
  check(weight.shape().rank() > 0 && weight.count() > 0, "standardised_weight: {}", weight.shape().text());
  const int64_t rows = weight.dim(0), width = weight.count() / rows;
  Tensor y = Tensor::empty(weight.shape(), weight.dtype());
  Tensor scale = Tensor::empty({rows}, weight.dtype());  // 1 / deviation
  for_float(weight.dtype(), [&]<class T>() {
    const auto in = weight.view<T>();
    const auto out = y.edit<T>(), factor = scale.edit<T>();
    for_rows(rows, width, [&](int64_t r) {
      double sum = 0, squares = 0;
      for (int64_t i = r * width; i < (r + 1) * width; ++i) sum += double(in[i]);
      const double mean = sum / double(width);
      for (int64_t i = r * width; i < (r + 1) * width; ++i) squares += (double(in[i]) - mean) * (double(in[i]) - mean);
      const double shrink = 1 / std::sqrt(squares / double(width) + epsilon);
      factor[r] = T(shrink);
      for (int64_t i = r * width; i < (r + 1) * width; ++i) out[i] = T((double(in[i]) - mean) * shrink);
    });
  });
  return recorded("standardised_weight", y, {weight}, [y, scale, rows, width](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(y.shape(), y.dtype());
    for_float(y.dtype(), [&]<class T>() {
      const auto u = y.view<T>(), g = dy.view<T>(), factor = scale.view<T>();
      const auto out = dx.edit<T>();
      for_rows(rows, width, [&](int64_t r) {
        double sum = 0, inner = 0;
        for (int64_t i = r * width; i < (r + 1) * width; ++i) {
          sum += double(g[i]);
          inner += double(g[i]) * double(u[i]);
        }
        for (int64_t i = r * width; i < (r + 1) * width; ++i)
          out[i] = T(double(factor[r]) * (double(g[i]) - sum / double(width) - double(u[i]) * inner / double(width)));
      });
    });
    return Grads{dx};
  });
}

}  // namespace calotype

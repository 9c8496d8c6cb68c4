#include "ops/norm.h"

#include <cmath>

#include "kernels/norm.h"
#include "kernels/softmax.h"
#include "ops/loops.h"

namespace calotype {
namespace {

/// Channels that one task of a batch norm takes.
constexpr int64_t kChannelsPerTask = 16;

/// Sums over rows r of value(r, c) for channels c of [first, first + count), in f64.
template <class Value>
std::array<double, kChannelsPerTask> channel_sums(int64_t rows, int64_t first, int64_t count, const Value& value) {
  std::array<double, kChannelsPerTask> sums{};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < count; ++c) sums[c] += value(r, first + c);
  return sums;
}

}  // namespace

Tensor softmax(const Tensor& x) {
  const int64_t width = x.dim(-1), rows = x.shape().rows();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::softmax(rows, width, x.view<T>().data(), y.edit<T>().data()); });
  return recorded("softmax", y, {x}, [y, rows, width](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(y.shape(), y.dtype());
    for_float(y.dtype(), [&]<class T>() {
      kernels::softmax_gradient(rows, width, y.view<T>().data(), dy.view<T>().data(), dx.edit<T>().data());
    });
    return Grads{dx};
  });
}

Tensor l2_normalise(const Tensor& x) {
  const int64_t width = x.dim(-1), rows = x.shape().rows();
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::l2_normalise(rows, width, x.view<T>().data(), y.edit<T>().data()); });
  return recorded("l2_normalise", y, {x}, [x = x.detach(), rows, width](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    for_float(x.dtype(), [&]<class T>() {
      kernels::l2_normalise_gradient(rows, width, x.view<T>().data(), dy.view<T>().data(), dx.edit<T>().data());
    });
    return Grads{dx};
  });
}

Tensor batch_norm(const Tensor& x, const Tensor& gain, const Tensor& bias, double epsilon) {
  const int64_t channels = x.dim(-1), rows = x.shape().rows();
  check(rows > 0 && gain.shape() == Shape{channels} && bias.shape() == Shape{channels},
        "batch_norm: x {}, gain {}, bias {}", x.shape().text(), gain.shape().text(), bias.shape().text());
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  Tensor mean = Tensor::empty({channels}, x.dtype()), scale = Tensor::empty({channels}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>(), g = gain.view<T>(), b = bias.view<T>();
    const auto out = y.edit<T>(), m = mean.edit<T>(), s = scale.edit<T>();
    kernels::over_pieces(channels, kChannelsPerTask, [&](int64_t first, int64_t count) {
      const auto sums =
          channel_sums(rows, first, count, [&](int64_t r, int64_t c) { return double(in[r * channels + c]); });
      for (int64_t c = 0; c < count; ++c) m[first + c] = T(sums[c] / double(rows));
      const auto squares = channel_sums(rows, first, count, [&](int64_t r, int64_t c) {
        const double d = double(in[r * channels + c]) - double(m[c]);
        return d * d;
      });
      for (int64_t c = 0; c < count; ++c) s[first + c] = T(1 / std::sqrt(squares[c] / double(rows) + epsilon));
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = first; c < first + count; ++c)
          out[r * channels + c] = (in[r * channels + c] - m[c]) * s[c] * g[c] + b[c];
    });
  });
  return recorded("batch_norm", y, {x, gain, bias},
                  [x = x.detach(), gain = gain.detach(), mean, scale, rows, channels](const Tensor& dy, Wanted wanted) {
                    Tensor dx = wanted[0] ? Tensor::empty(x.shape(), x.dtype()) : Tensor();
                    Tensor dgain = Tensor::empty({channels}, x.dtype()), dbias = Tensor::empty({channels}, x.dtype());
                    for_float(x.dtype(), [&]<class T>() {
                      const auto in = x.view<T>(), g = gain.view<T>(), m = mean.view<T>(), s = scale.view<T>(),
                                 d = dy.view<T>();
                      const auto by_gain = dgain.edit<T>(), by_bias = dbias.edit<T>();
                      const std::span<T> out = dx ? dx.edit<T>() : std::span<T>();
                      kernels::over_pieces(channels, kChannelsPerTask, [&](int64_t first, int64_t count) {
                        const auto sums = channel_sums(
                            rows, first, count, [&](int64_t r, int64_t c) { return double(d[r * channels + c]); });
                        const auto products = channel_sums(rows, first, count, [&](int64_t r, int64_t c) {
                          return double(d[r * channels + c]) * double((in[r * channels + c] - m[c]) * s[c]);
                        });
                        for (int64_t c = 0; c < count; ++c) {
                          by_bias[first + c] = T(sums[c]);
                          by_gain[first + c] = T(products[c]);
                        }
                        if (out.empty()) return;
                        for (int64_t r = 0; r < rows; ++r)
                          for (int64_t c = first; c < first + count; ++c) {
                            const T normal = (in[r * channels + c] - m[c]) * s[c];
                            const T off = T((sums[c - first] + double(normal) * products[c - first]) / double(rows));
                            out[r * channels + c] = s[c] * g[c] * (d[r * channels + c] - off);
                          }
                      });
                    });
                    return Grads{dx, dgain, dbias};
                  });
}

}  // namespace calotype

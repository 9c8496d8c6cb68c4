#include "ops/reduce.h"

#include <algorithm>

#include "kernels/elementwise.h"

namespace calotype {
namespace {

/// factor * sum of each of `groups` stretches, shaped as `result`.
Tensor scaled_sums(const char* name, const Tensor& x, const Shape& result, double factor) {
  Tensor y = Tensor::empty(result, x.dtype());
  const int64_t groups = result.count();
  for_float(x.dtype(), [&]<class T>() {
    const auto out = y.edit<T>();
    const size_t size = x.count() / groups;
    for (int64_t g = 0; g < groups; ++g)
      out[g] = static_cast<T>(factor * kernels::sum(x.view<T>().subspan(g * size, size)));
  });
  return recorded(name, y, {x}, [shape = x.shape(), groups, factor](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() {
      const auto in = dy.view<T>();
      const auto out = dx.edit<T>();
      const int64_t size = groups ? static_cast<int64_t>(out.size()) / groups : 0;
      for (int64_t g = 0; g < groups; ++g) std::fill_n(out.begin() + g * size, size, static_cast<T>(factor * in[g]));
    });
    return Grads{dx};
  });
}

}  // namespace

Tensor sum(const Tensor& x) {
  return scaled_sums("sum", x, {}, 1);
}

Tensor mean(const Tensor& x) {
  check(x.count() > 0, "mean: there are no elements");
  return scaled_sums("mean", x, {}, 1.0 / static_cast<double>(x.count()));
}

Tensor mean_per_picture(const Tensor& x) {
  check(x.count() > 0, "mean_per_picture: there are no elements");
  return scaled_sums("mean_per_picture", x, {x.dim(0)}, static_cast<double>(x.dim(0)) / static_cast<double>(x.count()));
}

Tensor mean_over_pixels(const Tensor& x) {
  check(x.shape().rank() == 4 && x.count() > 0, "mean_over_pixels: {} is no map", x.shape().text());
  const int64_t batch = x.dim(0), pixels = x.dim(1) * x.dim(2), channels = x.dim(3);
  Tensor y = Tensor::empty({batch, channels}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    kernels::sum_rows(batch, channels, x.view<T>(), y.edit<T>());
    kernels::scale(1.0 / static_cast<double>(pixels), 0, y.view<T>(), y.edit<T>());
  });
  return recorded("mean_over_pixels", y, {x}, [shape = x.shape(), pixels, channels](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() {
      const auto in = dy.view<T>();
      const auto out = dx.edit<T>();
      const T share = static_cast<T>(1.0 / static_cast<double>(pixels));
      for (size_t i = 0; i < out.size(); ++i) out[i] = share * in[i / (pixels * channels) * channels + i % channels];
    });
    return Grads{dx};
  });
}

}  // namespace calotype

#include "ops/depth_losses.h"

#include <cmath>
#include <limits>

#include "kernels/elementwise.h"
#include "ops/arithmetic.h"
#include "ops/loops.h"

namespace calotype {
namespace {

constexpr double kLeastDeviation = 1e-6;

void check_maps(const char* name, const Tensor& d, const Tensor& y, const Tensor& valid) {
  check(d.shape().rank() == 3 && d.shape() == y.shape() && d.shape() == valid.shape(),
        "{}: maps {} and {}, valid pixels {}; all should be [B, H, W]", name, d.shape().text(), y.shape().text(),
        valid.shape().text());
  check(!valid.tracked(), "{}: the mask has no gradient; detach it", name);
}

/// 1 / the number of valid pixels, 0 where there are none.
template <class T>
double per_valid_pixel(std::span<const T> valid) {
  const double count = blocked_sum_of(int64_t(valid.size()), [&](int64_t i) { return double(valid[i]); });
  return count > 0 ? 1 / count : 0;
}

/// Which pixel is the median of one picture, and how far the others are from it.
struct Centre {
  int64_t pixels = 0;    // valid ones
  int64_t median = 0;    // index of the pixel
  double deviation = 1;  // mean of |x - median|, held above kLeastDeviation
  bool held = false;     // it was smaller
  double sign_sum = 0;   // of sign(x - median)
};

/// Orders indices by value(i), equal ones by index; what is no number counts as the greatest, since sorting needs an
/// order.
template <class Value>
auto ordered_by(Value value) {
  return [value](int64_t a, int64_t b) {
    const auto key = [&](int64_t i) {
      const auto v = value(i);
      return std::isnan(v) ? std::numeric_limits<decltype(v)>::infinity() : v;
    };
    return key(a) < key(b) || (key(a) == key(b) && a < b);
  };
}

template <class T>
Centre centre_of(std::span<const T> x, std::span<const T> valid) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < int64_t(x.size()); ++i)
    if (valid[i] != 0) order.push_back(i);
  Centre centre;
  centre.pixels = int64_t(order.size());
  if (order.empty()) return centre;
  const auto middle = order.begin() + (centre.pixels - 1) / 2;
  std::nth_element(order.begin(), middle, order.end(), ordered_by([x](int64_t i) { return x[i]; }));
  centre.median = *middle;
  const double median = double(x[centre.median]);
  double sum = 0;
  for (const int64_t i : order) {
    const double off = double(x[i]) - median;
    sum += std::abs(off);
    centre.sign_sum += (off > 0) - (off < 0);
  }
  const double deviation = sum / double(centre.pixels);
  centre.held = deviation < kLeastDeviation;
  centre.deviation = std::max(deviation, kLeastDeviation);
  return centre;
}

/// The gradient of the aligned values becomes that of the values: the median's pixel moves all, every pixel the
/// deviation.
template <class T>
void align_gradient(const Centre& centre, std::span<const T> x, std::span<const T> valid, std::span<const T> dy,
                    std::span<T> dx) {
  const double median = double(x[centre.median]), n = double(centre.pixels);
  double sum = 0, inner = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (valid[i] == 0) continue;
    sum += double(dy[i]);
    inner += double(dy[i]) * (double(x[i]) - median) / centre.deviation;
  }
  const double by_deviation = centre.held ? 0 : inner / centre.deviation;
  for (size_t i = 0; i < x.size(); ++i) {
    const double off = double(x[i]) - median;
    const double sign = (off > 0) - (off < 0);
    dx[i] = valid[i] == 0 ? T(0) : T(double(dy[i]) / centre.deviation - by_deviation * sign / n);
  }
  dx[centre.median] += T(-sum / centre.deviation + by_deviation * centre.sign_sum / n);
}

/// A scalar whose gradient by x, shaped like x, was made along with it.
Tensor with_slope(const char* name, const Tensor& loss, const Tensor& x, const Tensor& slope) {
  return recorded(name, loss, {x}, [slope](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(slope.shape(), slope.dtype());
    for_float(slope.dtype(), [&]<class T>() { kernels::scale(dy.item(), 0, slope.view<T>(), dx.edit<T>()); });
    return Grads{dx};
  });
}

/// Half the sum of the smallest |r| of each picture, per valid pixel.
Tensor trimmed(const Tensor& residual, const Tensor& valid, double kept) {
  const int64_t pixels = residual.dim(1) * residual.dim(2);
  Tensor loss = Tensor::empty({}, residual.dtype());
  Tensor slope = Tensor::empty(residual.shape(), residual.dtype());
  for_float(residual.dtype(), [&]<class T>() {
    const auto r = residual.view<T>(), v = valid.view<T>();
    const auto out = slope.edit<T>();
    const double factor = per_valid_pixel(v) / 2;
    std::ranges::fill(out, T(0));
    std::vector<double> sums(residual.dim(0));
    parallel_for(residual.dim(0), [&](int64_t b) {
      std::vector<int64_t> order;
      for (int64_t i = b * pixels; i < (b + 1) * pixels; ++i)
        if (v[i] != 0) order.push_back(i);
      const auto count = int64_t(std::floor(kept * double(order.size())));
      if (count < int64_t(order.size()))
        std::nth_element(order.begin(), order.begin() + count, order.end(),
                         ordered_by([r](int64_t i) { return std::abs(r[i]); }));
      order.resize(count);
      std::ranges::sort(order);
      for (const int64_t i : order) {
        sums[b] += std::abs(double(r[i]));
        out[i] = T(factor * ((r[i] > 0) - (r[i] < 0)));
      }
    });
    loss.edit<T>()[0] = T(factor * std::accumulate(sums.begin(), sums.end(), 0.0));
  });
  return with_slope("ssi_trimmed", loss, residual, slope);
}

/// Calls pair(here, neighbour) for all valid pairs of one picture at this stride, and pixel(here) for valid pixels.
template <class T, class Pair>
double over_neighbours(std::span<const T> valid, int64_t height, int64_t width, int64_t stride, const Pair& pair) {
  double pixels = 0;
  for (int64_t i = 0; i < height; i += stride)
    for (int64_t j = 0; j < width; j += stride) {
      const int64_t here = i * width + j;
      if (valid[here] == 0) continue;
      ++pixels;
      if (j + stride < width && valid[here + stride] != 0) pair(here, here + stride);
      if (i + stride < height && valid[here + stride * width] != 0) pair(here, here + stride * width);
    }
  return pixels;
}

Tensor neighbour_differences(const Tensor& residual, const Tensor& valid, int scales) {
  const int64_t batch = residual.dim(0), height = residual.dim(1), width = residual.dim(2), size = height * width;
  Tensor loss = Tensor::empty({}, residual.dtype());
  Tensor slope = Tensor::empty(residual.shape(), residual.dtype());
  for_float(residual.dtype(), [&]<class T>() {
    const auto r = residual.view<T>(), v = valid.view<T>();
    const auto out = slope.edit<T>();
    std::ranges::fill(out, T(0));
    double total = 0;
    for (int scale = 0; scale < scales; ++scale) {
      std::vector<double> sums(batch), pixels(batch);
      parallel_for(batch, [&](int64_t b) {
        pixels[b] = over_neighbours<T>(v.subspan(b * size, size), height, width, int64_t{1} << scale,
                                       [&](int64_t here, int64_t next) {
                                         sums[b] += std::abs(double(r[b * size + next]) - double(r[b * size + here]));
                                       });
      });
      const double valid_pixels = std::accumulate(pixels.begin(), pixels.end(), 0.0);
      if (valid_pixels == 0) continue;
      total += std::accumulate(sums.begin(), sums.end(), 0.0) / valid_pixels;
      parallel_for(batch, [&](int64_t b) {
        over_neighbours<T>(v.subspan(b * size, size), height, width, int64_t{1} << scale,
                           [&](int64_t here, int64_t next) {
                             const T off = r[b * size + next] - r[b * size + here];
                             const T share = T(((off > 0) - (off < 0)) / valid_pixels);
                             out[b * size + next] += share;
                             out[b * size + here] -= share;
                           });
      });
    }
    loss.edit<T>()[0] = T(total);
  });
  return with_slope("gradient_matching", loss, residual, slope);
}

/// Scale a and shift b that make the sum of (a d + b - y)^2 over valid pixels least.
struct Fit {
  double a = 0, b = 0;
};

template <class T>
Fit least_squares(std::span<const T> d, std::span<const T> y, std::span<const T> valid) {
  double n = 0, d_sum = 0, y_sum = 0;
  for (size_t i = 0; i < d.size(); ++i) {
    n += double(valid[i]);
    d_sum += double(valid[i]) * double(d[i]);
    y_sum += double(valid[i]) * double(y[i]);
  }
  if (n == 0) return {};
  const double d_mean = d_sum / n, y_mean = y_sum / n;
  double variance = 0, covariance = 0;
  for (size_t i = 0; i < d.size(); ++i) {
    variance += double(valid[i]) * (double(d[i]) - d_mean) * (double(d[i]) - d_mean);
    covariance += double(valid[i]) * (double(d[i]) - d_mean) * (double(y[i]) - y_mean);
  }
  const double a = variance > 0 ? covariance / variance : 0;  // a flat prediction fits best as the mean
  return {a, y_mean - a * d_mean};
}

}  // namespace

Tensor align_by_median(const Tensor& x, const Tensor& valid) {
  check_maps("align_by_median", x, x, valid);
  const int64_t batch = x.dim(0), size = x.dim(1) * x.dim(2);
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  std::vector<Centre> centres(batch);
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>(), v = valid.view<T>();
    const auto out = y.edit<T>();
    parallel_for(batch, [&](int64_t b) {
      const Centre centre = centres[b] = centre_of<T>(in.subspan(b * size, size), v.subspan(b * size, size));
      for (int64_t i = b * size; i < (b + 1) * size; ++i)
        out[i] = v[i] == 0 ? T(0) : T((double(in[i]) - double(in[b * size + centre.median])) / centre.deviation);
    });
  });
  return recorded("align_by_median", y, {x},
                  [x = x.detach(), valid, centres = std::move(centres), batch, size](const Tensor& dy, Wanted) {
                    Tensor dx = Tensor::zeros(x.shape(), x.dtype());
                    for_float(x.dtype(), [&]<class T>() {
                      const auto out = dx.edit<T>();
                      parallel_for(batch, [&](int64_t b) {
                        const auto of = [&](const Tensor& t) { return t.view<T>().subspan(b * size, size); };
                        if (centres[b].pixels > 0)
                          align_gradient<T>(centres[b], of(x), of(valid), of(dy), out.subspan(b * size, size));
                      });
                    });
                    return Grads{dx};
                  });
}

Tensor ssi_mse(const Tensor& d, const Tensor& y, const Tensor& valid) {
  check_maps("ssi_mse", d, y, valid);
  const int64_t batch = d.dim(0), size = d.dim(1) * d.dim(2);
  Tensor loss = Tensor::empty({}, d.dtype());
  std::vector<Fit> fits(batch);
  for_float(d.dtype(), [&]<class T>() {
    const auto in = d.view<T>(), truth = y.view<T>(), v = valid.view<T>();
    std::vector<double> sums(batch);
    parallel_for(batch, [&](int64_t b) {
      const int64_t first = b * size;
      fits[b] = least_squares<T>(in.subspan(first, size), truth.subspan(first, size), v.subspan(first, size));
      for (int64_t i = first; i < first + size; ++i) {
        const double r = fits[b].a * double(in[i]) + fits[b].b - double(truth[i]);
        sums[b] += double(v[i]) * r * r;
      }
    });
    loss.edit<T>()[0] = T(std::accumulate(sums.begin(), sums.end(), 0.0) * per_valid_pixel(v) / 2);
  });
  // At the least sum its slopes by scale and shift are zero, so they may count as constants.
  return recorded("ssi_mse", loss, {d, y},
                  [d = d.detach(), y = y.detach(), valid, fits = std::move(fits), size](const Tensor& dy, Wanted) {
                    Tensor by_d = Tensor::empty(d.shape(), d.dtype()), by_y = Tensor::empty(d.shape(), d.dtype());
                    for_float(d.dtype(), [&]<class T>() {
                      const auto in = d.view<T>(), truth = y.view<T>(), v = valid.view<T>();
                      const auto out_d = by_d.edit<T>(), out_y = by_y.edit<T>();
                      const double factor = double(dy.view<T>()[0]) * per_valid_pixel(v);
                      for_elements(d.count(), [&](int64_t i) {
                        const Fit& fit = fits[i / size];
                        const double r = factor * double(v[i]) * (fit.a * double(in[i]) + fit.b - double(truth[i]));
                        out_d[i] = T(fit.a * r);
                        out_y[i] = T(-r);
                      });
                    });
                    return Grads{by_d, by_y};
                  });
}

Tensor ssi_trimmed(const Tensor& d, const Tensor& y, const Tensor& valid, double kept) {
  check_maps("ssi_trimmed", d, y, valid);
  check(kept > 0 && kept <= 1, "ssi_trimmed: a share of {} is to be kept", kept);
  return trimmed(align_by_median(d, valid) - align_by_median(y, valid), valid, kept);
}

Tensor gradient_matching(const Tensor& d, const Tensor& y, const Tensor& valid, int scales) {
  check_maps("gradient_matching", d, y, valid);
  check(scales > 0 && scales < 32, "gradient_matching: {} scales", scales);
  return neighbour_differences(align_by_median(d, valid) - align_by_median(y, valid), valid, scales);
}

}  // namespace calotype

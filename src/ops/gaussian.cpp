// What a variational autoencoder does with the mean and the logarithm of the variance.

#include <cmath>

#include "ops/loops.h"
#include "ops/losses.h"

namespace calotype {
namespace {

constexpr double kLeast = -30, kMost = 20;

template <class T>
T clamped(T log_variance) {
  return std::clamp(log_variance, T(kLeast), T(kMost));
}

template <class T>
bool inside(T log_variance) {
  return log_variance >= T(kLeast) && log_variance <= T(kMost);
}

}  // namespace

Tensor reparametrise(const Tensor& mean, const Tensor& log_variance, const Tensor& noise) {
  check(mean.shape() == log_variance.shape() && mean.shape() == noise.shape(),
        "reparametrise: mean {}, log_variance {} and noise {}", mean.shape().text(), log_variance.shape().text(),
        noise.shape().text());
  Tensor z = Tensor::empty(mean.shape(), mean.dtype());
  for_float(mean.dtype(), [&]<class T>() {
    const auto m = mean.view<T>(), lv = log_variance.view<T>(), n = noise.view<T>();
    const auto out = z.edit<T>();
    for_elements(z.count(), [&](int64_t i) { out[i] = m[i] + std::exp(clamped(lv[i]) / 2) * n[i]; });
  });
  return recorded("reparametrise", z, {mean, log_variance, noise},
                  [log_variance = log_variance.detach(), noise = noise.detach()](const Tensor& dy, Wanted wanted) {
                    Grads gradients{dy, Tensor(), Tensor()};
                    if (wanted[1]) gradients[1] = Tensor::empty(dy.shape(), dy.dtype());
                    if (wanted[2]) gradients[2] = Tensor::empty(dy.shape(), dy.dtype());
                    for_float(dy.dtype(), [&]<class T>() {
                      const auto g = dy.view<T>(), lv = log_variance.view<T>(), n = noise.view<T>();
                      if (wanted[1]) {
                        const auto out = gradients[1].edit<T>();
                        for_elements(dy.count(), [&](int64_t i) {
                          out[i] = inside(lv[i]) ? g[i] * n[i] * std::exp(lv[i] / 2) / 2 : T(0);
                        });
                      }
                      if (wanted[2]) {
                        const auto out = gradients[2].edit<T>();
                        for_elements(dy.count(), [&](int64_t i) { out[i] = g[i] * std::exp(clamped(lv[i]) / 2); });
                      }
                    });
                    return gradients;
                  });
}

Tensor gaussian_divergence(const Tensor& mean, const Tensor& log_variance) {
  check(mean.shape() == log_variance.shape() && mean.count() > 0, "gaussian_divergence: mean {} and log_variance {}",
        mean.shape().text(), log_variance.shape().text());
  const double factor = 1.0 / double(mean.dim(0));
  Tensor loss = Tensor::empty({}, mean.dtype());
  for_float(mean.dtype(), [&]<class T>() {
    const auto m = mean.view<T>(), lv = log_variance.view<T>();
    const double sum = blocked_sum_of(mean.count(), [&](int64_t i) {
      const double l = clamped(lv[i]);
      return double(m[i]) * double(m[i]) + std::expm1(l) - l;
    });
    loss.edit<T>()[0] = T(sum / 2 * factor);
  });
  return recorded(
      "gaussian_divergence", loss, {mean, log_variance},
      [mean = mean.detach(), log_variance = log_variance.detach(), factor](const Tensor& dy, Wanted wanted) {
        Grads gradients(2);
        for (size_t i : {0, 1})
          if (wanted[i]) gradients[i] = Tensor::empty(mean.shape(), mean.dtype());
        for_float(mean.dtype(), [&]<class T>() {
          const T scale = T(factor * double(dy.view<T>()[0]));
          if (wanted[0]) {
            const auto m = mean.view<T>();
            const auto out = gradients[0].edit<T>();
            for_elements(mean.count(), [&](int64_t i) { out[i] = scale * m[i]; });
          }
          if (wanted[1]) {
            const auto lv = log_variance.view<T>();
            const auto out = gradients[1].edit<T>();
            for_elements(mean.count(),
                         [&](int64_t i) { out[i] = inside(lv[i]) ? scale / 2 * std::expm1(lv[i]) : T(0); });
          }
        });
        return gradients;
      });
}

}  // namespace calotype

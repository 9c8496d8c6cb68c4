// Losses over scores: classes, pairs, adversaries.

#include "ops/losses.h"

#include <cmath>

#include "kernels/elementwise.h"
#include "ops/arithmetic.h"
#include "ops/linear.h"
#include "ops/loops.h"
#include "ops/norm.h"
#include "ops/reduce.h"

namespace calotype {
namespace {

/// ln of the sum of e^x over `count` values `stride` apart, the greatest taken off first.
template <class T>
double log_sum_exp(const T* x, int64_t count, int64_t stride) {
  double greatest = double(x[0]), sum = 0;
  for (int64_t i = 1; i < count; ++i) greatest = std::max(greatest, double(x[i * stride]));
  for (int64_t i = 0; i < count; ++i) sum += std::exp(double(x[i * stride]) - greatest);
  return greatest + std::log(sum);
}

/// Sum over i of value(x[i]) / count, with the gradient slope(x[i]) / count.
template <class Value, class Slope>
Tensor mean_of(const char* name, const Tensor& x, Value value, Slope slope) {
  check(x.count() > 0, "{}: the mean of nothing", name);
  Tensor loss = Tensor::empty({}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    loss.edit<T>()[0] =
        T(blocked_sum_of(x.count(), [&](int64_t i) { return value(i, double(in[i])); }) / double(x.count()));
  });
  return recorded(name, loss, {x}, [x = x.detach(), slope](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::empty(x.shape(), x.dtype());
    for_float(x.dtype(), [&]<class T>() {
      const auto in = x.view<T>();
      const auto out = dx.edit<T>();
      const double factor = double(dy.view<T>()[0]) / double(x.count());
      for_elements(x.count(), [&](int64_t i) { out[i] = T(factor * slope(i, double(in[i]))); });
    });
    return Grads{dx};
  });
}

/// The mean of relu(1 + sign x).
Tensor mean_hinge(const Tensor& x, double sign) {
  return mean_of(
      "hinge", x, [sign](int64_t, double v) { return std::max(0.0, 1 + sign * v); },
      [sign](int64_t, double v) { return 1 + sign * v > 0 ? sign : 0.0; });
}

/// Row i of logits = e^log_scale cosines belongs to column i, and the other way round.
Tensor contrast(const Tensor& cosines, const Tensor& log_scale) {
  const int64_t n = cosines.dim(0);
  Tensor loss = Tensor::empty({}, cosines.dtype());
  Tensor logits = Tensor::empty(cosines.shape(), cosines.dtype());
  Tensor row_sums = Tensor::empty({n}, cosines.dtype()), column_sums = Tensor::empty({n}, cosines.dtype());
  for_float(cosines.dtype(), [&]<class T>() {
    const auto c = cosines.view<T>();
    const auto l = logits.edit<T>(), rows = row_sums.edit<T>(), columns = column_sums.edit<T>();
    const T scale = std::exp(log_scale.view<T>()[0]);
    for_elements(n * n, [&](int64_t i) { l[i] = scale * c[i]; });
    for_rows(n, n, [&](int64_t i) {
      rows[i] = T(log_sum_exp(&l[i * n], n, 1));
      columns[i] = T(log_sum_exp(&l[i], n, n));
    });
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += double(rows[i]) + double(columns[i]) - 2 * double(l[i * n + i]);
    loss.edit<T>()[0] = T(sum / double(2 * n));
  });
  return recorded("contrastive", loss, {cosines, log_scale},
                  [logits, row_sums, column_sums, log_scale = log_scale.detach(), n](const Tensor& dy, Wanted) {
                    Tensor dcosines = Tensor::empty(logits.shape(), logits.dtype());
                    Tensor dscale = Tensor::empty(log_scale.shape(), log_scale.dtype());
                    for_float(logits.dtype(), [&]<class T>() {
                      const auto l = logits.view<T>(), rows = row_sums.view<T>(), columns = column_sums.view<T>();
                      const auto out = dcosines.edit<T>();
                      const double factor = double(dy.view<T>()[0]) / double(2 * n);
                      const double scale = std::exp(double(log_scale.view<T>()[0]));
                      std::vector<double> by_scale(n);
                      for_rows(n, n, [&](int64_t i) {
                        double sum = 0;
                        for (int64_t j = 0; j < n; ++j) {
                          const double logit = double(l[i * n + j]);
                          const double g = factor * (std::exp(logit - double(rows[i])) +
                                                     std::exp(logit - double(columns[j])) - (i == j ? 2 : 0));
                          out[i * n + j] = T(scale * g);
                          sum += g * logit;
                        }
                        by_scale[i] = sum;
                      });
                      dscale.edit<T>()[0] = T(std::accumulate(by_scale.begin(), by_scale.end(), 0.0));
                    });
                    return Grads{dcosines, dscale};
                  });
}

}  // namespace

Tensor cross_entropy(const Tensor& logits, std::span<const int32_t> targets) {
  check(logits.shape().rank() == 2 && logits.dim(0) == int64_t(targets.size()) && logits.count() > 0,
        "cross_entropy: logits {} and {} targets", logits.shape().text(), targets.size());
  const int64_t rows = logits.dim(0), classes = logits.dim(1);
  for (const int32_t target : targets)
    check(target >= 0 && target < classes, "cross_entropy: class {} of {}", target, classes);
  Tensor loss = Tensor::empty({}, logits.dtype());
  Tensor sums = Tensor::empty({rows}, logits.dtype());
  for_float(logits.dtype(), [&]<class T>() {
    const auto x = logits.view<T>();
    const auto s = sums.edit<T>();
    for_rows(rows, classes, [&](int64_t r) { s[r] = T(log_sum_exp(&x[r * classes], classes, 1)); });
    double sum = 0;
    for (int64_t r = 0; r < rows; ++r) sum += double(s[r]) - double(x[r * classes + targets[r]]);
    loss.edit<T>()[0] = T(sum / double(rows));
  });
  return recorded("cross_entropy", loss, {logits},
                  [logits = logits.detach(), sums, targets = std::vector<int32_t>(targets.begin(), targets.end())](
                      const Tensor& dy, Wanted) {
                    const int64_t rows = logits.dim(0), classes = logits.dim(1);
                    Tensor dx = Tensor::empty(logits.shape(), logits.dtype());
                    for_float(logits.dtype(), [&]<class T>() {
                      const auto x = logits.view<T>(), s = sums.view<T>();
                      const auto out = dx.edit<T>();
                      const T factor = dy.view<T>()[0] / T(rows);
                      for_rows(rows, classes, [&](int64_t r) {
                        for (int64_t c = 0; c < classes; ++c)
                          out[r * classes + c] = factor * (std::exp(x[r * classes + c] - s[r]) - T(c == targets[r]));
                      });
                    });
                    return Grads{dx};
                  });
}

Tensor contrastive(const Tensor& image_features, const Tensor& text_features, const Tensor& log_scale) {
  check(image_features.shape().rank() == 2 && image_features.shape() == text_features.shape() &&
            image_features.count() > 0 && log_scale.count() == 1,
        "contrastive: features {} and {}, a scale {}", image_features.shape().text(), text_features.shape().text(),
        log_scale.shape().text());
  return contrast(linear(l2_normalise(image_features), l2_normalise(text_features), {}), log_scale);
}

Tensor one_minus_cosine(const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape() && a.count() > 0, "one_minus_cosine: {} and {}", a.shape().text(), b.shape().text());
  const Tensor unit_a = l2_normalise(a), unit_b = l2_normalise(b);
  const double rows = double(a.shape().rows());
  Tensor loss = Tensor::empty({}, a.dtype());
  for_float(a.dtype(), [&]<class T>() {
    const auto u = unit_a.view<T>(), v = unit_b.view<T>();
    const double sum = blocked_sum_of(a.count(), [&](int64_t i) { return double(u[i]) * double(v[i]); });
    loss.edit<T>()[0] = T(1 - sum / rows);
  });
  return recorded("one_minus_cosine", loss, {unit_a, unit_b},
                  [unit_a = unit_a.detach(), unit_b = unit_b.detach(), rows](const Tensor& dy, Wanted wanted) {
                    const auto scaled = [&](const Tensor& x) {
                      Tensor dx = Tensor::empty(x.shape(), x.dtype());
                      for_float(x.dtype(),
                                [&]<class T>() { kernels::scale(-dy.item() / rows, 0, x.view<T>(), dx.edit<T>()); });
                      return dx;
                    };
                    return Grads{wanted[0] ? scaled(unit_b) : Tensor(), wanted[1] ? scaled(unit_a) : Tensor()};
                  });
}

Tensor hinge_discriminator(const Tensor& real, const Tensor& fake) {
  return 0.5 * (mean_hinge(real, -1) + mean_hinge(fake, 1));
}

Tensor hinge_generator(const Tensor& fake) {
  return -1.0 * mean(fake);
}

Tensor binary_cross_entropy(const Tensor& logits, const Tensor& targets) {
  check(logits.shape() == targets.shape() && logits.dtype() == targets.dtype(),
        "binary_cross_entropy: logits {} and targets {}", logits.shape().text(), targets.shape().text());
  check(!targets.tracked(), "binary_cross_entropy: targets have no gradient; detach them");
  const auto target = [targets](int64_t i) {
    return targets.dtype() == DType::f64 ? targets.view<double>()[i] : double(targets.view<float>()[i]);
  };
  // -t ln s - (1 - t) ln(1 - s) = max(x, 0) - x t + ln(1 + e^-|x|)
  return mean_of(
      "binary_cross_entropy", logits,
      [target](int64_t i, double x) { return std::max(x, 0.0) - x * target(i) + std::log1p(std::exp(-std::abs(x))); },
      [target](int64_t i, double x) { return 1 / (1 + std::exp(-x)) - target(i); });
}

}  // namespace calotype

// Losses that are a mean over elements of a function of the difference.

#include <cmath>

#include "ops/loops.h"
#include "ops/losses.h"

namespace calotype {
namespace {

struct Squared {
  template <class T>
  T value(T d) const {
    return d * d;
  }
  template <class T>
  T slope(T d) const {
    return 2 * d;
  }
};

struct Absolute {
  template <class T>
  T value(T d) const {
    return std::abs(d);
  }
  template <class T>
  T slope(T d) const {
    return T((d > 0) - (d < 0));
  }
};

/// sqrt(d^2 + c^2) - c, written so that small differences do not cancel.
struct PseudoHuber {
  double c;
  template <class T>
  T value(T d) const {
    return d * d / (std::sqrt(d * d + T(c) * T(c)) + T(c));
  }
  template <class T>
  T slope(T d) const {
    const T root = std::sqrt(d * d + T(c) * T(c));
    return root > 0 ? d / root : T(0);
  }
};

/// Sum over pictures of factors[b] * (sum of distances in picture b); by symmetry the gradients differ in sign alone.
template <class Distance>
Tensor sum_of_distances(const char* name, const Tensor& prediction, const Tensor& target, std::vector<double> factors,
                        Distance distance) {
  check(prediction.shape() == target.shape(), "{}: a prediction of {} and a target of {}", name,
        prediction.shape().text(), target.shape().text());
  const int64_t each = factors.empty() ? 0 : prediction.count() / int64_t(factors.size());
  Tensor loss = Tensor::empty({}, prediction.dtype());
  for_float(prediction.dtype(), [&]<class T>() {
    const auto p = prediction.view<T>();
    const auto y = target.view<T>();
    double sum = 0;
    for (size_t b = 0; b < factors.size(); ++b) {
      const int64_t first = int64_t(b) * each;
      sum += factors[b] *
             blocked_sum_of(each, [&](int64_t i) { return double(distance.value(p[first + i] - y[first + i])); });
    }
    loss.edit<T>()[0] = T(sum);
  });
  return recorded(name, loss, {prediction, target},
                  [prediction = prediction.detach(), target = target.detach(), factors = std::move(factors), each,
                   distance](const Tensor& dy, Wanted wanted) {
                    const auto gradient = [&](double sign) {
                      Tensor dx = Tensor::empty(prediction.shape(), prediction.dtype());
                      for_float(prediction.dtype(), [&]<class T>() {
                        const auto p = prediction.view<T>();
                        const auto y = target.view<T>();
                        const auto d = dx.edit<T>();
                        for (size_t b = 0; b < factors.size(); ++b) {
                          const int64_t first = int64_t(b) * each;
                          const T factor = T(sign * factors[b] * double(dy.view<T>()[0]));
                          for_elements(each, [&](int64_t i) {
                            d[first + i] = factor * distance.slope(p[first + i] - y[first + i]);
                          });
                        }
                      });
                      return dx;
                    };
                    return Grads{wanted[0] ? gradient(1) : Tensor(), wanted[1] ? gradient(-1) : Tensor()};
                  });
}

template <class Distance>
Tensor mean_of_distances(const char* name, const Tensor& prediction, const Tensor& target, Distance distance) {
  check(prediction.count() > 0, "{}: the mean of nothing", name);
  return sum_of_distances(name, prediction, target, {1.0 / double(prediction.count())}, distance);
}

}  // namespace

Tensor mean_squared_error(const Tensor& prediction, const Tensor& target) {
  return mean_of_distances("mean_squared_error", prediction, target, Squared());
}

Tensor mean_squared_error(const Tensor& prediction, const Tensor& target, std::span<const double> weights) {
  check(prediction.count() > 0 && prediction.dim(0) == int64_t(weights.size()),
        "mean_squared_error: {} weights for pictures {}", weights.size(), prediction.shape().text());
  std::vector<double> factors(weights.begin(), weights.end());
  for (double& factor : factors) factor /= double(prediction.count());
  return sum_of_distances("mean_squared_error", prediction, target, std::move(factors), Squared());
}

Tensor mean_absolute_error(const Tensor& prediction, const Tensor& target) {
  return mean_of_distances("mean_absolute_error", prediction, target, Absolute());
}

Tensor huber(const Tensor& prediction, const Tensor& target, double c) {
  check(c >= 0, "huber: c is {}, not 0 or more", c);
  return mean_of_distances("huber", prediction, target, PseudoHuber{c});
}

}  // namespace calotype

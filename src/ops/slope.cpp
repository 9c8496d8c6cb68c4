#include "ops/slope.h"

#include <cmath>
#include <vector>

#include "ops/loops.h"

namespace calotype {
namespace {

template <class T>
T sign(T x) {
  return static_cast<T>((x > 0) - (x < 0));
}

/// Calls body(here, right, below) for every element: flat indices, -1 beyond an edge.
template <class Body>
void for_neighbours(const Shape& shape, int64_t row, const Body& body) {
  const int64_t width = shape[2], channels = shape[3], line = width * channels;
  const bool last_row = row % shape[1] + 1 == shape[1];
  for (int64_t i = 0; i < line; ++i) {
    const int64_t here = row * line + i;
    body(here, i + channels < line ? here + channels : -1, last_row ? -1 : here + line);
  }
}

}  // namespace

Tensor mean_absolute_slope(const Tensor& d) {
  const Shape shape = d.shape();
  check(shape.rank() == 4 && shape[1] > 1 && shape[2] > 1, "mean_absolute_slope: {} has no neighbours", shape.text());
  const double across = 1.0 / static_cast<double>(shape[0] * shape[1] * (shape[2] - 1) * shape[3]);
  const double down = 1.0 / static_cast<double>(shape[0] * (shape[1] - 1) * shape[2] * shape[3]);
  const int64_t rows = shape[0] * shape[1];
  Tensor y = Tensor::empty({}, d.dtype());
  for_float(d.dtype(), [&]<class T>() {
    const auto in = d.view<T>();
    std::vector<double> sums(rows);
    for_rows(rows, shape[2] * shape[3], [&](int64_t row) {
      for_neighbours(shape, row, [&](int64_t here, int64_t right, int64_t below) {
        if (right >= 0) sums[row] += across * std::abs(in[right] - in[here]);
        if (below >= 0) sums[row] += down * std::abs(in[below] - in[here]);
      });
    });
    y.edit<T>()[0] = static_cast<T>(std::accumulate(sums.begin(), sums.end(), 0.0));
  });
  return recorded("mean_absolute_slope", y, {d}, [d = d.detach(), shape, across, down, rows](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(shape, d.dtype());
    for_float(d.dtype(), [&]<class T>() {
      const auto in = d.view<T>();
      const auto out = dx.edit<T>();
      const T a = static_cast<T>(across * dy.item()), b = static_cast<T>(down * dy.item());
      const int64_t line = shape[2] * shape[3], channels = shape[3];
      // Gathered, not scattered, so that rows can be worked on side by side.
      for_rows(rows, line, [&](int64_t row) {
        for_neighbours(shape, row, [&](int64_t here, int64_t right, int64_t below) {
          T sum = 0;
          if (right >= 0) sum -= a * sign(in[right] - in[here]);
          if (here % line >= channels) sum += a * sign(in[here] - in[here - channels]);
          if (below >= 0) sum -= b * sign(in[below] - in[here]);
          if (row % shape[1] > 0) sum += b * sign(in[here] - in[here - line]);
          out[here] = sum;
        });
      });
    });
    return Grads{dx};
  });
}

}  // namespace calotype

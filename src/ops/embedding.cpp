#include "ops/embedding.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace calotype {

Tensor embedding(const Tensor& table, std::span<const int32_t> ids) {
  check(table.shape().rank() == 2, "embedding: a table has two axes, not {}", table.shape().text());
  const int64_t rows = table.dim(0), width = table.dim(1);
  for (int32_t id : ids) check(id >= 0 && id < rows, "embedding: id {} in a table of {}", id, rows);
  const DType dtype = table.dtype() == DType::f64 ? DType::f64 : DType::f32;
  Tensor y = Tensor::empty({static_cast<int64_t>(ids.size()), width}, dtype);
  for_float(dtype, [&]<class T>() {
    const auto out = y.edit<T>();
    for (size_t i = 0; i < ids.size(); ++i) {
      if constexpr (std::is_same_v<T, double>)
        std::copy_n(table.view<double>().begin() + ids[i] * width, width, out.begin() + i * width);
      else
        widen(table.data(), table.dtype(), ids[i] * width, width, &out[i * width]);
    }
  });
  return recorded(
      "embedding", y, {table},
      [shape = table.shape(), kept = std::vector<int32_t>(ids.begin(), ids.end()), width](const Tensor& dy, Wanted) {
        Tensor dtable = Tensor::zeros(shape, dy.dtype());
        for_float(dy.dtype(), [&]<class T>() {
          const auto in = dy.view<T>();
          const auto out = dtable.edit<T>();
          for (size_t i = 0; i < kept.size(); ++i)
            for (int64_t c = 0; c < width; ++c) out[kept[i] * width + c] += in[i * width + c];
        });
        return Grads{dtable};
      });
}

Tensor gather_rows(const Tensor& x, std::span<const int32_t> rows) {
  check(x.shape().rank() == 3 && static_cast<int64_t>(rows.size()) == x.dim(0), "gather_rows: {} rows of {}",
        rows.size(), x.shape().text());
  std::vector<int64_t> starts;
  for (size_t b = 0; b < rows.size(); ++b) {
    check(rows[b] >= 0 && rows[b] < x.dim(1), "gather_rows: row {} of {}", rows[b], x.shape().text());
    starts.push_back((static_cast<int64_t>(b) * x.dim(1) + rows[b]) * x.dim(2));
  }
  const int64_t width = x.dim(2);
  Tensor y = Tensor::empty({x.dim(0), width}, x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    for (size_t b = 0; b < starts.size(); ++b)
      std::copy_n(x.view<T>().begin() + starts[b], width, y.edit<T>().begin() + b * width);
  });
  return recorded("gather_rows", y, {x}, [shape = x.shape(), starts, width](const Tensor& dy, Wanted) {
    Tensor dx = Tensor::zeros(shape, dy.dtype());
    for_float(dy.dtype(), [&]<class T>() {
      for (size_t b = 0; b < starts.size(); ++b)
        std::copy_n(dy.view<T>().begin() + b * width, width, dx.edit<T>().begin() + starts[b]);
    });
    return Grads{dx};
  });
}

Tensor sinusoid(std::span<const double> times, int64_t width) {
  Tensor y = Tensor::zeros({static_cast<int64_t>(times.size()), width});
  const int64_t half = width / 2;
  for_float(DType::f32, [&]<class T>() {
    const auto out = y.edit<float>();
    for (size_t b = 0; b < times.size(); ++b)
      for (int64_t i = 0; i < half; ++i) {
        const float frequency = std::exp(-std::log(10000.0f) * static_cast<float>(i) / static_cast<float>(half));
        const float angle = static_cast<float>(times[b]) * frequency;
        out[b * width + i] = std::cos(angle);
        out[b * width + half + i] = std::sin(angle);
      }
  });
  return y;
}

}  // namespace calotype

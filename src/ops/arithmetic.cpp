#include "ops/arithmetic.h"

#include <vector>

#include "kernels/activation.h"
#include "kernels/elementwise.h"
#include "ops/channel_sums.h"

namespace calotype {
namespace {

struct Pair {
  Tensor a, b;
};

/// Both in the greater one's shape: the smaller first axis repeats.
Pair broadcast(const char* name, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype(), "{}: {} and {} do not mix", name, name_of(a.dtype()), name_of(b.dtype()));
  if (a.shape() == b.shape()) return {a, b};
  const bool same_rank = a.shape().rank() == b.shape().rank() && a.shape().rank() > 0;
  const int64_t rows_a = same_rank ? a.dim(0) : 0, rows_b = same_rank ? b.dim(0) : 0;
  const bool rest_fits = rows_a > 0 && rows_b > 0 && a.count() / rows_a == b.count() / rows_b;
  check(rest_fits && (rows_a % rows_b == 0 || rows_b % rows_a == 0), "{}: {} and {} do not fit", name, a.shape().text(),
        b.shape().text());
  return rows_a < rows_b ? Pair{repeat(a, rows_b / rows_a), b} : Pair{a, repeat(b, rows_a / rows_b)};
}

}  // namespace

Tensor operator+(const Tensor& left, const Tensor& right) {
  const auto [a, b] = broadcast("add", left, right);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  for_float(a.dtype(), [&]<class T>() { kernels::add(a.view<T>(), b.view<T>(), y.edit<T>()); });
  return recorded("add", y, {a, b}, [](const Tensor& dy, Wanted) { return Grads{dy, dy}; });
}

Tensor operator-(const Tensor& left, const Tensor& right) {
  const auto [a, b] = broadcast("subtract", left, right);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  for_float(a.dtype(), [&]<class T>() { kernels::subtract(a.view<T>(), b.view<T>(), y.edit<T>()); });
  return recorded("subtract", y, {a, b},
                  [](const Tensor& dy, Wanted wanted) { return Grads{dy, wanted[1] ? affine(dy, -1, 0) : Tensor()}; });
}

Tensor operator*(const Tensor& left, const Tensor& right) {
  const auto [a, b] = broadcast("multiply", left, right);
  Tensor y = Tensor::empty(a.shape(), a.dtype());
  for_float(a.dtype(), [&]<class T>() { kernels::multiply(a.view<T>(), b.view<T>(), y.edit<T>()); });
  return recorded("multiply", y, {a, b}, [a = a.detach(), b = b.detach()](const Tensor& dy, Wanted wanted) {
    return Grads{wanted[0] ? dy * b : Tensor(), wanted[1] ? dy * a : Tensor()};
  });
}

Tensor affine(const Tensor& x, double a, double b) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::scale(a, b, x.view<T>(), y.edit<T>()); });
  return recorded("affine", y, {x}, [a](const Tensor& dy, Wanted) { return Grads{affine(dy, a, 0)}; });
}

Tensor scale_pictures(const Tensor& x, std::span<const double> factors) {
  check(x.shape().rank() > 0 && static_cast<int64_t>(factors.size()) == x.dim(0), "scale_pictures: {} factors for {}",
        factors.size(), x.shape().text());
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  const size_t picture = factors.empty() ? 0 : x.count() / factors.size();
  for_float(x.dtype(), [&]<class T>() {
    for (size_t b = 0; b < factors.size(); ++b)
      kernels::scale(factors[b], 0, x.view<T>().subspan(b * picture, picture),
                     y.edit<T>().subspan(b * picture, picture));
  });
  return recorded("scale_pictures", y, {x},
                  [kept = std::vector<double>(factors.begin(), factors.end())](const Tensor& dy, Wanted) {
                    return Grads{scale_pictures(dy, kept)};
                  });
}

Tensor exp(const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::exponential(x.view<T>(), y.edit<T>()); });
  return recorded("exp", y, {x}, [y](const Tensor& dy, Wanted) { return Grads{dy * y}; });
}

Tensor add_row(const Tensor& x, const Tensor& row) {
  const int64_t width = x.dim(-1);
  check(row.count() == width && row.dtype() == x.dtype(), "add_row: {} and {} do not fit", x.shape().text(),
        row.shape().text());
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() { kernels::add_row(1, width, x.view<T>(), row.view<T>(), y.edit<T>()); });
  return recorded("add_row", y, {x, row}, [shape = row.shape(), width](const Tensor& dy, Wanted wanted) {
    Tensor drow = wanted[1] ? Tensor::empty(shape, dy.dtype()) : Tensor();
    if (drow) for_float(dy.dtype(), [&]<class T>() { kernels::sum_rows(1, width, dy.view<T>(), drow.edit<T>()); });
    return Grads{dy, drow};
  });
}

Tensor repeat(const Tensor& x, int64_t times) {
  if (times == 1) return x;
  check(x.shape().rank() > 0 && times > 0, "repeat: {} cannot be repeated {} times", x.shape().text(), times);
  std::vector<int64_t> extents(x.shape().begin(), x.shape().end());
  extents[0] *= times;
  Tensor y = Tensor::empty(Shape(extents), x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for (int64_t t = 0; t < times; ++t) std::copy(in.begin(), in.end(), out.begin() + t * in.size());
  });
  // A norm of the copies is to have the bits of a norm of x.
  if (const Tensor sums = left_channel_sums(x)) leave_channel_sums(y, repeat(sums, times));
  return recorded("repeat", y, {x}, [shape = x.shape(), times](const Tensor& dy, Wanted) {
    Tensor dx = dy.rows(0, shape[0]);
    for (int64_t t = 1; t < times; ++t) dx = dx + dy.rows(t * shape[0], shape[0]);
    return Grads{dx};
  });
}

}  // namespace calotype

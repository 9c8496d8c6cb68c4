#include "kernels/elementwise.h"

#include <numeric>
#include <vector>

#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/columns-inl.h"
#include "kernels/dispatch.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr FloatTag kFloats;

HWY_INLINE FloatVector constant(float value) {
  return hn::Set(kFloats, value);
}

void add_vector(int64_t count, const float* x, const float* y, float* z) {
  map(count, z, [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Add(a, b); }, x, y);
}

void subtract_vector(int64_t count, const float* x, const float* y, float* z) {
  map(count, z, [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Sub(a, b); }, x, y);
}

void multiply_vector(int64_t count, const float* x, const float* y, float* z) {
  map(count, z, [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Mul(a, b); }, x, y);
}

void scale_vector(int64_t count, float a, float b, const float* x, float* y) {
  const FloatVector slope = constant(a), offset = constant(b);
  map(count, y, [=](FloatVector v) HWY_ATTR { return hn::MulAdd(slope, v, offset); }, x);
}

void sum_rows_range_vector(int64_t rows, int64_t width, const float* x, double* sums) {
  sum_columns<1>(rows, width, sums, [=](int64_t r, int64_t c, int64_t count, WideSum(&s)[1]) HWY_ATTR {
    s[0].add(load_up_to(x + r * width + c, count));
  });
}

template <class Term>
HWY_INLINE double sum_terms(int64_t count, const Term& term) {
  WideSum sums[4];
  const int64_t step = lanes();
  int64_t i = 0;
  for (; i + 4 * step <= count; i += 4 * step)
    for (int j = 0; j < 4; ++j) term(sums[j], i + j * step, step);
  for (; i < count; i += step) term(sums[0], i, std::min(step, count - i));
  return sums[0].total() + sums[1].total() + (sums[2].total() + sums[3].total());
}

double sum_vector(int64_t count, const float* x) {
  return sum_terms(count, [=](WideSum& s, int64_t i, int64_t n) HWY_ATTR { s.add(load_up_to(x + i, n)); });
}

double sum_of_squares_vector(int64_t count, const float* x) {
  return sum_terms(count, [=](WideSum& s, int64_t i, int64_t n) HWY_ATTR {
    const FloatVector v = load_up_to(x + i, n);
    s.add_product(v, v);
  });
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

template <class Body>
void over_elements(size_t count, const Body& body) {
  over_pieces(int64_t(count), kElementsPerPiece, body);
}

// y[i] = function(i), where nothing faster is asked for.
template <class T, class Function>
void fill(std::span<T> y, const Function& function) {
  over_elements(y.size(), [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) y[i] = function(i);
  });
}

// The sum over the pieces of what body(first, count) returns, in order.
template <class Body>
double sum_pieces(size_t count, const Body& body) {
  std::vector<double> partial((count + kElementsPerPiece - 1) / kElementsPerPiece);
  over_elements(count, [&](int64_t first, int64_t n) { partial[first / kElementsPerPiece] = body(first, n); });
  return std::accumulate(partial.begin(), partial.end(), 0.0);
}

// Calls body(row of x and y, row of `row`) for the rows of [batch, rows, width], some together in one task.
template <class Body>
void over_batch_rows(int64_t batch, int64_t width, size_t size, const Body& body) {
  if (batch <= 0 || width <= 0) return;
  const int64_t rows = int64_t(size) / width, rows_each = rows / batch;
  over_pieces(rows, items_per_task(width), [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) body(r * width, r / rows_each * width);
  });
}

template <class T>
void plain_sum_rows_range(int64_t rows, int64_t width, const T* x, double* sums) {
  std::fill(sums, sums + width, 0.0);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) sums[c] += x[r * width + c];
}

template <class T>
void sum_rows_by(void (*range_sums)(int64_t, int64_t, const T*, double*), int64_t batch, int64_t width,
                 std::span<const T> x, std::span<T> sums) {
  if (batch <= 0 || width <= 0) return;
  const int64_t rows = int64_t(x.size()) / (batch * width), range = rows_per_range(rows, width);
  const int64_t ranges = std::max<int64_t>(1, (rows + range - 1) / range);
  std::vector<double> partial(batch * ranges * width);
  over_pieces(batch * ranges, items_per_task(std::min(rows, range) * width), [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) {
      const int64_t b = i / ranges, row = i % ranges * range;
      range_sums(std::min(range, rows - row), width, x.data() + (b * rows + row) * width, partial.data() + i * width);
    }
  });
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t c = 0; c < width; ++c) {
      double total = 0;
      for (int64_t i = 0; i < ranges; ++i) total += partial[(b * ranges + i) * width + c];
      sums[b * width + c] = T(total);
    }
}

using BinaryVector = void (*)(int64_t, const float*, const float*, float*);

void binary(BinaryVector function, std::span<const float> x, std::span<const float> y, std::span<float> z) {
  over_elements(z.size(), [&](int64_t first, int64_t count) {
    function(count, x.data() + first, y.data() + first, z.data() + first);
  });
}

}  // namespace

#define CALOTYPE_BINARY(NAME, OPERATOR)                                                      \
  void NAME(std::span<const float> x, std::span<const float> y, std::span<float> z) {        \
    if (isa() == Isa::scalar) return fill(z, [&](int64_t i) { return x[i] OPERATOR y[i]; }); \
    binary(CALOTYPE_KERNEL(NAME##_vector), x, y, z);                                         \
  }                                                                                          \
  void NAME(std::span<const double> x, std::span<const double> y, std::span<double> z) {     \
    fill(z, [&](int64_t i) { return x[i] OPERATOR y[i]; });                                  \
  }

CALOTYPE_BINARY(add, +)
CALOTYPE_BINARY(subtract, -)
CALOTYPE_BINARY(multiply, *)
#undef CALOTYPE_BINARY

void scale(double a, double b, std::span<const float> x, std::span<float> y) {
  const float slope = float(a), offset = float(b);
  if (isa() == Isa::scalar) return fill(y, [&](int64_t i) { return slope * x[i] + offset; });
  over_elements(y.size(), [&](int64_t first, int64_t count) {
    CALOTYPE_KERNEL(scale_vector)(count, slope, offset, x.data() + first, y.data() + first);
  });
}

void scale(double a, double b, std::span<const double> x, std::span<double> y) {
  fill(y, [&](int64_t i) { return a * x[i] + b; });
}

void add_row(int64_t batch, int64_t width, std::span<const float> x, std::span<const float> row, std::span<float> y) {
  over_batch_rows(batch, width, y.size(), [&](int64_t at, int64_t row_at) {
    if (isa() != Isa::scalar)
      return CALOTYPE_KERNEL(add_vector)(width, x.data() + at, row.data() + row_at, y.data() + at);
    for (int64_t c = 0; c < width; ++c) y[at + c] = x[at + c] + row[row_at + c];
  });
}

void add_row(int64_t batch, int64_t width, std::span<const double> x, std::span<const double> row,
             std::span<double> y) {
  over_batch_rows(batch, width, y.size(), [&](int64_t at, int64_t row_at) {
    for (int64_t c = 0; c < width; ++c) y[at + c] = x[at + c] + row[row_at + c];
  });
}

void sum_rows(int64_t batch, int64_t width, std::span<const float> x, std::span<float> sums) {
  sum_rows_by<float>(isa() == Isa::scalar ? plain_sum_rows_range<float> : CALOTYPE_KERNEL(sum_rows_range_vector), batch,
                     width, x, sums);
}

void sum_rows(int64_t batch, int64_t width, std::span<const double> x, std::span<double> sums) {
  sum_rows_by<double>(plain_sum_rows_range<double>, batch, width, x, sums);
}

double sum(std::span<const float> x) {
  return sum_pieces(x.size(), [&](int64_t first, int64_t count) {
    if (isa() != Isa::scalar) return CALOTYPE_KERNEL(sum_vector)(count, x.data() + first);
    return std::accumulate(x.begin() + first, x.begin() + first + count, 0.0);
  });
}

double sum(std::span<const double> x) {
  return sum_pieces(x.size(), [&](int64_t first, int64_t count) {
    return std::accumulate(x.begin() + first, x.begin() + first + count, 0.0);
  });
}

double sum_of_squares(std::span<const float> x) {
  return sum_pieces(x.size(), [&](int64_t first, int64_t count) {
    if (isa() != Isa::scalar) return CALOTYPE_KERNEL(sum_of_squares_vector)(count, x.data() + first);
    double total = 0;
    for (int64_t i = first; i < first + count; ++i) total += double(x[i]) * x[i];
    return total;
  });
}

double sum_of_squares(std::span<const double> x) {
  return sum_pieces(x.size(), [&](int64_t first, int64_t count) {
    return std::inner_product(x.begin() + first, x.begin() + first + count, x.begin() + first, 0.0);
  });
}

}  // namespace calotype::kernels
#endif

#include "kernels/softmax.h"

#include <cmath>

#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/math-inl.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr FloatTag kFloats;

// e^(v - most) for v <= most
HWY_INLINE FloatVector exp_below(FloatVector v, FloatVector most) {
  return exp2(kFloats, hn::Mul(hn::Sub(v, most), hn::Set(kFloats, 1.44269504f)));
}

void softmax_row_vector(int64_t width, const float* x, float* y) {
  const FloatVector most = hn::Set(kFloats, largest_of(width, x));
  map(width, y, [=](FloatVector v) HWY_ATTR { return exp_below(v, most); }, x);
  const float sum = sum_along(width, [](FloatVector v) HWY_ATTR { return v; }, y);
  const FloatVector inverse = hn::Set(kFloats, 1 / sum);
  map(width, y, [=](FloatVector v) HWY_ATTR { return hn::Mul(v, inverse); }, y);
}

void softmax_gradient_row_vector(int64_t width, const float* y, const float* dy, float* dx) {
  const float sum = sum_along(width, [](FloatVector p, FloatVector g) HWY_ATTR { return hn::Mul(p, g); }, y, dy);
  const FloatVector mean = hn::Set(kFloats, sum);
  map(width, dx, [=](FloatVector p, FloatVector g) HWY_ATTR { return hn::Mul(p, hn::Sub(g, mean)); }, y, dy);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

template <class T>
void plain_softmax(int64_t width, const T* x, T* y) {
  const T most = *std::max_element(x, x + width);
  T sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += y[i] = std::exp(x[i] - most);
  for (int64_t i = 0; i < width; ++i) y[i] /= sum;
}

template <class T>
void plain_softmax_gradient(int64_t width, const T* y, const T* dy, T* dx) {
  T mean = 0;
  for (int64_t i = 0; i < width; ++i) mean += y[i] * dy[i];
  for (int64_t i = 0; i < width; ++i) dx[i] = y[i] * (dy[i] - mean);
}

template <class Row>
void over_rows(int64_t rows, int64_t width, const Row& row) {
  if (width <= 0) return;
  over_pieces(rows, items_per_task(width), [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) row(r);
  });
}

template <class T>
void softmax_by(void (*row)(int64_t, const T*, T*), int64_t rows, int64_t width, const T* x, T* y) {
  over_rows(rows, width, [=](int64_t r) { row(width, x + r * width, y + r * width); });
}

template <class T>
void softmax_gradient_by(void (*row)(int64_t, const T*, const T*, T*), int64_t rows, int64_t width, const T* y,
                         const T* dy, T* dx) {
  over_rows(rows, width, [=](int64_t r) { row(width, y + r * width, dy + r * width, dx + r * width); });
}

}  // namespace

void softmax(int64_t rows, int64_t width, const float* x, float* y) {
  softmax_by(isa() == Isa::scalar ? plain_softmax<float> : CALOTYPE_KERNEL(softmax_row_vector), rows, width, x, y);
}

void softmax(int64_t rows, int64_t width, const double* x, double* y) {
  softmax_by(plain_softmax<double>, rows, width, x, y);
}

void softmax_gradient(int64_t rows, int64_t width, const float* y, const float* dy, float* dx) {
  softmax_gradient_by(
      isa() == Isa::scalar ? plain_softmax_gradient<float> : CALOTYPE_KERNEL(softmax_gradient_row_vector), rows, width,
      y, dy, dx);
}

void softmax_gradient(int64_t rows, int64_t width, const double* y, const double* dy, double* dx) {
  softmax_gradient_by(plain_softmax_gradient<double>, rows, width, y, dy, dx);
}

}  // namespace calotype::kernels
#endif

#include "kernels/activation.h"

#include <cmath>
#include <numbers>

#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/math-inl.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr FloatTag kFloats;

#define CALOTYPE_VECTOR_FUNCTION(NAME, VALUE, SLOPE)                                                \
  void NAME##_vector(int64_t count, const float* x, float* y) {                                     \
    map(count, y, [](FloatVector v) HWY_ATTR { return VALUE; }, x);                                 \
  }                                                                                                 \
  void NAME##_gradient_vector(int64_t count, const float* x, const float* dy, float* dx) {          \
    map(count, dx, [](FloatVector v, FloatVector g) HWY_ATTR { return hn::Mul(g, SLOPE); }, x, dy); \
  }

HWY_INLINE FloatVector constant(float value) {
  return hn::Set(kFloats, value);
}

HWY_INLINE FloatVector one_minus_square(FloatVector v) {
  return hn::NegMulAdd(v, v, constant(1.0f));
}

HWY_INLINE FloatVector sigmoid_slope(FloatVector v) {
  const FloatVector s = sigmoid(kFloats, v);
  return hn::NegMulAdd(s, s, s);
}

HWY_INLINE FloatVector tanh_third(FloatVector v) {
  return tanh(kFloats, hn::Mul(v, constant(1.0f / 3)));
}

HWY_INLINE FloatVector leaky_slope(FloatVector v, float below) {
  return hn::IfThenElse(hn::Gt(v, hn::Zero(kFloats)), constant(1.0f), constant(below));
}

CALOTYPE_VECTOR_FUNCTION(silu, silu(kFloats, v), silu_slope(kFloats, v))
CALOTYPE_VECTOR_FUNCTION(gelu, gelu(kFloats, v), gelu_slope(kFloats, v))
CALOTYPE_VECTOR_FUNCTION(quick_gelu, quick_gelu(kFloats, v), quick_gelu_slope(kFloats, v))
CALOTYPE_VECTOR_FUNCTION(sigmoid, sigmoid(kFloats, v), sigmoid_slope(v))
CALOTYPE_VECTOR_FUNCTION(tanh, tanh(kFloats, v), one_minus_square(tanh(kFloats, v)))
CALOTYPE_VECTOR_FUNCTION(tanh_clamp, hn::Mul(constant(3.0f), tanh_third(v)), one_minus_square(tanh_third(v)))
CALOTYPE_VECTOR_FUNCTION(leaky_relu, hn::Mul(v, leaky_slope(v, 0.2f)), leaky_slope(v, 0.2f))
CALOTYPE_VECTOR_FUNCTION(relu, hn::Max(hn::Zero(kFloats), v), leaky_slope(v, 0.0f))
#undef CALOTYPE_VECTOR_FUNCTION

void exponential_vector(int64_t count, const float* x, float* y) {
  map(count, y, [](FloatVector v) HWY_ATTR { return exp(kFloats, v); }, x);
}

void geglu_row_vector(int64_t width, const float* x, float* y) {
  map(
      width, y, [](FloatVector value, FloatVector gate) HWY_ATTR { return hn::Mul(value, gelu(kFloats, gate)); }, x,
      x + width);
}

void geglu_gradient_row_vector(int64_t width, const float* x, const float* dy, float* dx) {
  const int64_t step = lanes();
  for (int64_t i = 0; i < width; i += step) {
    const int64_t count = std::min(step, width - i);
    const FloatVector value = load_first(x + i, count), gate = load_first(x + width + i, count);
    const FloatVector g = load_first(dy + i, count);
    store_first(hn::Mul(g, gelu(kFloats, gate)), dx + i, count);
    store_first(hn::Mul(hn::Mul(g, value), gelu_slope(kFloats, gate)), dx + width + i, count);
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

// The same functions of one number, for double and for `scalar`.
template <class T>
struct Plain {
  static T sigmoid(T x) { return 1 / (1 + std::exp(-x)); }
  static T sigmoid_slope(T x) { return sigmoid(x) * (1 - sigmoid(x)); }
  static T silu(T x) { return x * sigmoid(x); }
  static T silu_slope(T x) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }
  static T quick_gelu(T x) { return x * sigmoid(T(1.702) * x); }
  static T quick_gelu_slope(T x) { return silu_slope(T(1.702) * x); }
  static T normal_below(T x) { return (1 + std::erf(x / std::numbers::sqrt2_v<T>)) / 2; }
  static T gelu(T x) { return x * normal_below(x); }
  static T gelu_slope(T x) {
    const T density = std::exp(-x * x / 2) * std::numbers::inv_sqrtpi_v<T> / std::numbers::sqrt2_v<T>;
    return normal_below(x) + x * density;
  }
  static T tanh(T x) { return std::tanh(x); }
  static T tanh_slope(T x) { return 1 - std::tanh(x) * std::tanh(x); }
  static T tanh_clamp(T x) { return 3 * std::tanh(x / 3); }
  static T tanh_clamp_slope(T x) { return 1 - std::tanh(x / 3) * std::tanh(x / 3); }
  static T leaky_relu_slope(T x) { return x > 0 ? T(1) : T(0.2); }
  static T leaky_relu(T x) { return x * leaky_relu_slope(x); }
  static T relu_slope(T x) { return x > 0 ? T(1) : T(0); }
  static T relu(T x) { return x < 0 ? T(0) : x; }
  static T exponential(T x) { return std::exp(x); }
};

template <class T>
void each(T (*function)(T), std::span<const T> x, std::span<T> y) {
  over_pieces(int64_t(y.size()), kElementsPerPiece, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) y[i] = function(x[i]);
  });
}

template <class T>
void each_gradient(T (*slope)(T), std::span<const T> x, std::span<const T> dy, std::span<T> dx) {
  over_pieces(int64_t(dx.size()), kElementsPerPiece, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) dx[i] = dy[i] * slope(x[i]);
  });
}

void each_vector(void (*function)(int64_t, const float*, float*), std::span<const float> x, std::span<float> y) {
  over_pieces(int64_t(y.size()), kElementsPerPiece,
              [&](int64_t first, int64_t count) { function(count, x.data() + first, y.data() + first); });
}

void each_gradient_vector(void (*function)(int64_t, const float*, const float*, float*), std::span<const float> x,
                          std::span<const float> dy, std::span<float> dx) {
  over_pieces(int64_t(dx.size()), kElementsPerPiece, [&](int64_t first, int64_t count) {
    function(count, x.data() + first, dy.data() + first, dx.data() + first);
  });
}

template <class T>
void plain_geglu(int64_t width, const T* x, T* y) {
  for (int64_t i = 0; i < width; ++i) y[i] = x[i] * Plain<T>::gelu(x[width + i]);
}

template <class T>
void plain_geglu_gradient(int64_t width, const T* x, const T* dy, T* dx) {
  for (int64_t i = 0; i < width; ++i) {
    const T value = x[i], gate = x[width + i];
    dx[i] = dy[i] * Plain<T>::gelu(gate);
    dx[width + i] = dy[i] * value * Plain<T>::gelu_slope(gate);
  }
}

// Calls row(r) for all rows, some together in one task.
template <class Row>
void over_rows(int64_t rows, int64_t width, const Row& row) {
  over_pieces(rows, std::max<int64_t>(1, kElementsPerPiece / std::max<int64_t>(1, width)),
              [&](int64_t first, int64_t count) {
                for (int64_t r = first; r < first + count; ++r) row(r);
              });
}

template <class T>
void geglu_rows(void (*row)(int64_t, const T*, T*), int64_t width, std::span<const T> x, std::span<T> y) {
  if (width <= 0) return;
  over_rows(int64_t(y.size()) / width, width,
            [&](int64_t r) { row(width, x.data() + 2 * r * width, y.data() + r * width); });
}

template <class T>
void geglu_gradient_rows(void (*row)(int64_t, const T*, const T*, T*), int64_t width, std::span<const T> x,
                         std::span<const T> dy, std::span<T> dx) {
  if (width <= 0) return;
  over_rows(int64_t(dy.size()) / width, width,
            [&](int64_t r) { row(width, x.data() + 2 * r * width, dy.data() + r * width, dx.data() + 2 * r * width); });
}

}  // namespace

#define CALOTYPE_ACTIVATION(NAME)                                           \
  void NAME(std::span<const float> x, std::span<float> y) {                 \
    if (isa() == Isa::scalar) return each<float>(Plain<float>::NAME, x, y); \
    each_vector(CALOTYPE_KERNEL(NAME##_vector), x, y);                      \
  }                                                                         \
  void NAME(std::span<const double> x, std::span<double> y) {               \
    each<double>(Plain<double>::NAME, x, y);                                \
  }

#define CALOTYPE_ACTIVATION_GRADIENT(NAME)                                                            \
  void NAME##_gradient(std::span<const float> x, std::span<const float> dy, std::span<float> dx) {    \
    if (isa() == Isa::scalar) return each_gradient<float>(Plain<float>::NAME##_slope, x, dy, dx);     \
    each_gradient_vector(CALOTYPE_KERNEL(NAME##_gradient_vector), x, dy, dx);                         \
  }                                                                                                   \
  void NAME##_gradient(std::span<const double> x, std::span<const double> dy, std::span<double> dx) { \
    each_gradient<double>(Plain<double>::NAME##_slope, x, dy, dx);                                    \
  }

CALOTYPE_ACTIVATION(silu)
CALOTYPE_ACTIVATION_GRADIENT(silu)
CALOTYPE_ACTIVATION(gelu)
CALOTYPE_ACTIVATION_GRADIENT(gelu)
CALOTYPE_ACTIVATION(quick_gelu)
CALOTYPE_ACTIVATION_GRADIENT(quick_gelu)
CALOTYPE_ACTIVATION(sigmoid)
CALOTYPE_ACTIVATION_GRADIENT(sigmoid)
CALOTYPE_ACTIVATION(tanh)
CALOTYPE_ACTIVATION_GRADIENT(tanh)
CALOTYPE_ACTIVATION(tanh_clamp)
CALOTYPE_ACTIVATION_GRADIENT(tanh_clamp)
CALOTYPE_ACTIVATION(leaky_relu)
CALOTYPE_ACTIVATION_GRADIENT(leaky_relu)
CALOTYPE_ACTIVATION(relu)
CALOTYPE_ACTIVATION_GRADIENT(relu)
CALOTYPE_ACTIVATION(exponential)
#undef CALOTYPE_ACTIVATION
#undef CALOTYPE_ACTIVATION_GRADIENT

void geglu(int64_t width, std::span<const float> x, std::span<float> y) {
  geglu_rows<float>(isa() == Isa::scalar ? plain_geglu<float> : CALOTYPE_KERNEL(geglu_row_vector), width, x, y);
}

void geglu(int64_t width, std::span<const double> x, std::span<double> y) {
  geglu_rows<double>(plain_geglu<double>, width, x, y);
}

void geglu_gradient(int64_t width, std::span<const float> x, std::span<const float> dy, std::span<float> dx) {
  geglu_gradient_rows<float>(
      isa() == Isa::scalar ? plain_geglu_gradient<float> : CALOTYPE_KERNEL(geglu_gradient_row_vector), width, x, dy,
      dx);
}

void geglu_gradient(int64_t width, std::span<const double> x, std::span<const double> dy, std::span<double> dx) {
  geglu_gradient_rows<double>(plain_geglu_gradient<double>, width, x, dy, dx);
}

}  // namespace calotype::kernels
#endif

#include <cmath>
#include <vector>

#include "kernels/norm.h"
#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/columns-inl.h"
#include "kernels/dispatch.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr FloatTag kFloats;

HWY_INLINE FloatVector constant(float value) {
  return hn::Set(kFloats, value);
}

// {mean, 1 / deviation} of a row. Two passes over what lies in the nearest cache: the mean may be far from zero.
void row_moments_vector(int64_t width, const float* x, float epsilon, float* moments) {
  const float mean = sum_along(width, [](FloatVector v) HWY_ATTR { return v; }, x) / float(width);
  const FloatVector center = constant(mean);
  const float squares = sum_along(
      width,
      [=](FloatVector v) HWY_ATTR {
        const FloatVector away = hn::Sub(v, center);
        return hn::Mul(away, away);
      },
      x);
  moments[0] = mean;
  moments[1] = 1 / std::sqrt(squares / float(width) + epsilon);
}

void normalise_row_vector(int64_t width, const float* x, const float* moments, const float* gain, const float* bias,
                          float* y) {
  const FloatVector mean = constant(moments[0]), factor = constant(moments[1]);
  const auto normal = [=](FloatVector v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), factor); };
  if (gain && bias)
    return map(
        width, y, [=](FloatVector v, FloatVector g, FloatVector b) HWY_ATTR { return hn::MulAdd(normal(v), g, b); }, x,
        gain, bias);
  map(width, y, normal, x);
  if (gain) map(width, y, [](FloatVector v, FloatVector g) HWY_ATTR { return hn::Mul(v, g); }, y, gain);
  if (bias) map(width, y, [](FloatVector v, FloatVector b) HWY_ATTR { return hn::Add(v, b); }, y, bias);
}

void gradient_row_vector(int64_t width, const float* x, const float* moments, const float* gain, const float* dy,
                         float* dx) {
  const FloatVector mean = constant(moments[0]), factor = constant(moments[1]);
  const auto normal = [=](FloatVector v) HWY_ATTR { return hn::Mul(hn::Sub(v, mean), factor); };
  const auto product = [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Mul(a, b); };
  const auto same = [](FloatVector v) HWY_ATTR { return v; };
  const float sum = gain ? sum_along(width, product, dy, gain) : sum_along(width, same, dy);
  const float sum_product =
      gain
          ? sum_along(
                width,
                [=](FloatVector v, FloatVector d, FloatVector g) HWY_ATTR { return hn::Mul(hn::Mul(d, g), normal(v)); },
                x, dy, gain)
          : sum_along(width, [=](FloatVector v, FloatVector d) HWY_ATTR { return hn::Mul(d, normal(v)); }, x, dy);
  const FloatVector mean_g = constant(sum / float(width)), mean_product = constant(sum_product / float(width));
  const auto slope = [=](FloatVector v, FloatVector g) HWY_ATTR {
    return hn::Mul(factor, hn::NegMulAdd(normal(v), mean_product, hn::Sub(g, mean_g)));
  };
  if (gain)
    map(
        width, dx, [=](FloatVector v, FloatVector d, FloatVector g) HWY_ATTR { return slope(v, hn::Mul(d, g)); }, x, dy,
        gain);
  else
    map(width, dx, slope, x, dy);
}

// Sums of dy and of dy x̂ over rows, for dbias and dgain.
void gradient_sums_vector(int64_t rows, int64_t width, const float* x, const float* moments, const float* dy,
                          double* sums) {
  sum_columns<2>(rows, width, sums, [=](int64_t r, int64_t c, int64_t count, WideSum(&s)[2]) HWY_ATTR {
    const FloatVector v = load_up_to(x + r * width + c, count), g = load_up_to(dy + r * width + c, count);
    const FloatVector normal = hn::Mul(hn::Sub(v, constant(moments[2 * r])), constant(moments[2 * r + 1]));
    s[0].add(g);
    s[1].add_product(g, normal);
  });
}

constexpr float kShortest = 1e-12f;

HWY_INLINE float dot_row(int64_t width, const float* x, const float* y) {
  return sum_along(width, [](FloatVector a, FloatVector b) HWY_ATTR { return hn::Mul(a, b); }, x, y);
}

// 1 / length. Of very small or large numbers the squares would leave the range of f32.
HWY_INLINE float inverse_length(int64_t width, const float* x) {
  WideSum sum;
  for (int64_t i = 0; i < width; i += lanes()) {
    const FloatVector v = load_up_to(x + i, std::min(lanes(), width - i));
    sum.add_product(v, v);
  }
  return float(1 / std::max(std::sqrt(sum.total()), double(kShortest)));
}

void l2_normalise_row_vector(int64_t width, const float* x, float* y) {
  const FloatVector factor = constant(inverse_length(width, x));
  map(width, y, [=](FloatVector v) HWY_ATTR { return hn::Mul(v, factor); }, x);
}

void l2_normalise_gradient_row_vector(int64_t width, const float* x, const float* dy, float* dx) {
  const float inverse = inverse_length(width, x);
  const FloatVector factor = constant(inverse);
  // A row shorter than kShortest is divided by a constant.
  const float along = inverse < 1 / kShortest ? dot_row(width, x, dy) * inverse * inverse : 0;
  const FloatVector back = constant(along);
  map(
      width, dx, [=](FloatVector v, FloatVector g) HWY_ATTR { return hn::Mul(factor, hn::NegMulAdd(back, v, g)); }, x,
      dy);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

template <class T>
void plain_row_moments(int64_t width, const T* x, T epsilon, T* moments) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < width; ++i) sum += x[i];
  const double mean = sum / double(width);
  for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
  moments[0] = T(mean);
  moments[1] = T(1 / std::sqrt(squares / double(width) + epsilon));
}

template <class T>
void plain_normalise_row(int64_t width, const T* x, const T* moments, const T* gain, const T* bias, T* y) {
  for (int64_t i = 0; i < width; ++i)
    y[i] = (x[i] - moments[0]) * moments[1] * (gain ? gain[i] : 1) + (bias ? bias[i] : 0);
}

template <class T>
void plain_gradient_row(int64_t width, const T* x, const T* moments, const T* gain, const T* dy, T* dx) {
  double sum = 0, sum_product = 0;
  const auto normal = [=](int64_t i) { return (x[i] - moments[0]) * moments[1]; };
  const auto scaled = [=](int64_t i) { return dy[i] * (gain ? gain[i] : 1); };
  for (int64_t i = 0; i < width; ++i) {
    sum += scaled(i);
    sum_product += scaled(i) * normal(i);
  }
  const T mean = T(sum / double(width)), mean_product = T(sum_product / double(width));
  for (int64_t i = 0; i < width; ++i) dx[i] = moments[1] * (scaled(i) - mean - normal(i) * mean_product);
}

template <class T>
void plain_gradient_sums(int64_t rows, int64_t width, const T* x, const T* moments, const T* dy, double* sums) {
  std::fill(sums, sums + 2 * width, 0.0);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) {
      sums[2 * c] += dy[r * width + c];
      sums[2 * c + 1] += dy[r * width + c] * (x[r * width + c] - moments[2 * r]) * moments[2 * r + 1];
    }
}

template <class T>
T plain_inverse_length(int64_t width, const T* x) {
  double squares = 0;
  for (int64_t i = 0; i < width; ++i) squares += double(x[i]) * x[i];
  return T(1 / std::max(std::sqrt(squares), 1e-12));
}

template <class T>
void plain_l2_normalise(int64_t width, const T* x, T* y) {
  const T factor = plain_inverse_length(width, x);
  for (int64_t i = 0; i < width; ++i) y[i] = x[i] * factor;
}

template <class T>
void plain_l2_normalise_gradient(int64_t width, const T* x, const T* dy, T* dx) {
  const T factor = plain_inverse_length(width, x);
  T along = 0;
  for (int64_t i = 0; i < width; ++i) along += x[i] * dy[i];
  along *= factor < T(1e12) ? factor * factor : 0;
  for (int64_t i = 0; i < width; ++i) dx[i] = factor * (dy[i] - x[i] * along);
}

template <class T>
struct LayerNormRows {
  void (*moments)(int64_t, const T*, T, T*);
  void (*normalise)(int64_t, const T*, const T*, const T*, const T*, T*);
  void (*gradient)(int64_t, const T*, const T*, const T*, const T*, T*);
  void (*gradient_sums)(int64_t, int64_t, const T*, const T*, const T*, double*);
};

LayerNormRows<double> layer_norm_rows(const double*) {
  return {plain_row_moments<double>, plain_normalise_row<double>, plain_gradient_row<double>,
          plain_gradient_sums<double>};
}

LayerNormRows<float> layer_norm_rows(const float*) {
  if (isa() == Isa::scalar)
    return {plain_row_moments<float>, plain_normalise_row<float>, plain_gradient_row<float>,
            plain_gradient_sums<float>};
  return {CALOTYPE_KERNEL(row_moments_vector), CALOTYPE_KERNEL(normalise_row_vector),
          CALOTYPE_KERNEL(gradient_row_vector), CALOTYPE_KERNEL(gradient_sums_vector)};
}

template <class Row>
void over_rows(int64_t rows, int64_t width, const Row& row) {
  if (width <= 0) return;
  over_pieces(rows, items_per_task(width), [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) row(r);
  });
}

template <class T>
void layer_norm_by(const LayerNormRows<T>& by, int64_t rows, int64_t width, const T* x, const T* gain, const T* bias,
                   double epsilon, T* y) {
  over_rows(rows, width, [=](int64_t r) {
    T moments[2];
    by.moments(width, x + r * width, T(epsilon), moments);
    by.normalise(width, x + r * width, moments, gain, bias, y + r * width);
  });
}

template <class T>
void layer_norm_gradient_by(const LayerNormRows<T>& by, int64_t rows, int64_t width, const T* x, const T* gain,
                            double epsilon, const T* dy, T* dx, T* dgain, T* dbias) {
  if (width <= 0) return;
  std::vector<T> moments(2 * rows);
  const int64_t range = rows_per_range(rows, width), ranges = (rows + range - 1) / range;
  std::vector<double> sums(dgain || dbias ? ranges * 2 * width : 0);
  // The sums of a range before its dx, which may take the place of dy.
  over_pieces(rows, range, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) by.moments(width, x + r * width, T(epsilon), &moments[2 * r]);
    if (!sums.empty())
      by.gradient_sums(count, width, x + first * width, &moments[2 * first], dy + first * width,
                       &sums[first / range * 2 * width]);
    if (!dx) return;
    for (int64_t r = first; r < first + count; ++r)
      by.gradient(width, x + r * width, &moments[2 * r], gain, dy + r * width, dx + r * width);
  });
  for (int64_t c = 0; c < width; ++c) {
    double bias_sum = 0, gain_sum = 0;
    for (size_t at = 2 * c; at < sums.size(); at += 2 * width) {
      bias_sum += sums[at];
      gain_sum += sums[at + 1];
    }
    if (dbias) dbias[c] = T(bias_sum);
    if (dgain) dgain[c] = T(gain_sum);
  }
}

template <class T>
void l2_normalise_by(void (*row)(int64_t, const T*, T*), int64_t rows, int64_t width, const T* x, T* y) {
  over_rows(rows, width, [=](int64_t r) { row(width, x + r * width, y + r * width); });
}

template <class T>
void l2_normalise_gradient_by(void (*row)(int64_t, const T*, const T*, T*), int64_t rows, int64_t width, const T* x,
                              const T* dy, T* dx) {
  over_rows(rows, width, [=](int64_t r) { row(width, x + r * width, dy + r * width, dx + r * width); });
}

}  // namespace

void layer_norm(int64_t rows, int64_t width, const float* x, const float* gain, const float* bias, double epsilon,
                float* y) {
  layer_norm_by(layer_norm_rows(x), rows, width, x, gain, bias, epsilon, y);
}

void layer_norm(int64_t rows, int64_t width, const double* x, const double* gain, const double* bias, double epsilon,
                double* y) {
  layer_norm_by(layer_norm_rows(x), rows, width, x, gain, bias, epsilon, y);
}

void layer_norm_gradient(int64_t rows, int64_t width, const float* x, const float* gain, double epsilon,
                         const float* dy, float* dx, float* dgain, float* dbias) {
  layer_norm_gradient_by(layer_norm_rows(x), rows, width, x, gain, epsilon, dy, dx, dgain, dbias);
}

void layer_norm_gradient(int64_t rows, int64_t width, const double* x, const double* gain, double epsilon,
                         const double* dy, double* dx, double* dgain, double* dbias) {
  layer_norm_gradient_by(layer_norm_rows(x), rows, width, x, gain, epsilon, dy, dx, dgain, dbias);
}

void l2_normalise(int64_t rows, int64_t width, const float* x, float* y) {
  l2_normalise_by(isa() == Isa::scalar ? plain_l2_normalise<float> : CALOTYPE_KERNEL(l2_normalise_row_vector), rows,
                  width, x, y);
}

void l2_normalise(int64_t rows, int64_t width, const double* x, double* y) {
  l2_normalise_by(plain_l2_normalise<double>, rows, width, x, y);
}

void l2_normalise_gradient(int64_t rows, int64_t width, const float* x, const float* dy, float* dx) {
  l2_normalise_gradient_by(
      isa() == Isa::scalar ? plain_l2_normalise_gradient<float> : CALOTYPE_KERNEL(l2_normalise_gradient_row_vector),
      rows, width, x, dy, dx);
}

void l2_normalise_gradient(int64_t rows, int64_t width, const double* x, const double* dy, double* dx) {
  l2_normalise_gradient_by(plain_l2_normalise_gradient<double>, rows, width, x, dy, dx);
}

}  // namespace calotype::kernels
#endif

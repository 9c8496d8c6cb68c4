#include "kernels/linear_scalar.h"

#include <cmath>
#include <vector>

#include "base/parallel.h"

namespace calotype::kernels {
namespace reference {

template <class T>
void linear(int64_t rows, int64_t in, int64_t out, const T* x, const T* weight, const T* bias, T* y) {
  parallel_for(rows, [&](int64_t r) {
    for (int64_t o = 0; o < out; ++o) {
      T sum = 0;
      for (int64_t i = 0; i < in; ++i) sum += x[r * in + i] * weight[o * in + i];
      y[r * out + o] = bias ? sum + bias[o] : sum;
    }
  });
}

template <class T>
void linear_data_gradient(int64_t rows, int64_t in, int64_t out, const T* dy, const T* weight, T* dx) {
  parallel_for(rows, [&](int64_t r) {
    for (int64_t i = 0; i < in; ++i) dx[r * in + i] = 0;
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < in; ++i) dx[r * in + i] += dy[r * out + o] * weight[o * in + i];
  });
}

template <class T>
void linear_weight_gradient(int64_t rows, int64_t in, int64_t out, const T* dy, const T* x, T* dweight, T* dbias) {
  parallel_for(out, [&](int64_t o) {
    T bias = 0;
    if (dweight)
      for (int64_t i = 0; i < in; ++i) dweight[o * in + i] = 0;
    for (int64_t r = 0; r < rows; ++r) {
      const T slope = dy[r * out + o];
      bias += slope;
      if (dweight)
        for (int64_t i = 0; i < in; ++i) dweight[o * in + i] += slope * x[r * in + i];
    }
    if (dbias) dbias[o] = bias;
  });
}

#define CALOTYPE_INSTANTIATE(T)                                                             \
  template void linear<T>(int64_t, int64_t, int64_t, const T*, const T*, const T*, T*);     \
  template void linear_data_gradient<T>(int64_t, int64_t, int64_t, const T*, const T*, T*); \
  template void linear_weight_gradient<T>(int64_t, int64_t, int64_t, const T*, const T*, T*, T*);
CALOTYPE_INSTANTIATE(float)
CALOTYPE_INSTANTIATE(double)
#undef CALOTYPE_INSTANTIATE

}  // namespace reference

namespace scalar {
namespace {

std::vector<float> widened(const Weights& weight, int64_t count) {
  std::vector<float> wide(count);
  widen(weight.data, weight.dtype, 0, count, wide.data());
  return wide;
}

std::vector<float> normed(const Linear& p) {
  std::vector<float> result(p.rows * p.in);
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x + r * p.in;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < p.in; ++i) sum += x[i];
    const double mean = sum / static_cast<double>(p.in);
    for (int64_t i = 0; i < p.in; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(p.in) + p.norm.epsilon);
    for (int64_t i = 0; i < p.in; ++i) {
      const double bias = p.norm.bias ? p.norm.bias[i] : 0;
      result[r * p.in + i] = static_cast<float>((x[i] - mean) * scale * p.norm.gain[i] + bias);
    }
  }
  return result;
}

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::gelu:
      return gelu(x);
    case Activation::quick_gelu:
      return x / (1 + std::exp(-1.702 * x));
    default:
      return x;
  }
}

}  // namespace

void linear(const Linear& p) {
  const bool geglu = p.activation == Activation::geglu;
  const int64_t width = geglu ? 2 * p.out : p.out;
  const std::vector<float> weight = widened(p.weight, width * p.in);
  const std::vector<float> rows = p.norm.gain ? normed(p) : std::vector<float>();
  std::vector<float> sums(p.rows * width);
  reference::linear<float>(p.rows, p.in, width, p.norm.gain ? rows.data() : p.x, weight.data(), p.bias, sums.data());
  for (int64_t r = 0; r < p.rows; ++r)
    for (int64_t o = 0; o < p.out; ++o) {
      const double sum = sums[r * width + o];
      const double offset = p.offset ? p.offset[r / p.rows_per_offset * p.out + o] : 0;
      const double value = geglu ? sum * gelu(sums[r * width + p.out + o]) : activated(p.activation, sum + offset);
      p.y[r * p.out + o] = static_cast<float>(value + (p.add ? p.add[r * p.out + o] : 0));
    }
}

void linear_data_gradient(const LinearDataGradient& p) {
  const std::vector<float> weight = widened(p.weight, p.out * p.in);
  if (!p.accumulate) return reference::linear_data_gradient(p.rows, p.in, p.out, p.dy, weight.data(), p.dx);
  std::vector<float> dx(p.rows * p.in);
  reference::linear_data_gradient(p.rows, p.in, p.out, p.dy, weight.data(), dx.data());
  for (int64_t i = 0; i < p.rows * p.in; ++i) p.dx[i] += dx[i];
}

void linear_weight_gradient(const LinearWeightGradient& p) {
  reference::linear_weight_gradient(p.rows, p.in, p.out, p.dy, p.x, p.dweight, p.dbias);
}

}  // namespace scalar
}  // namespace calotype::kernels

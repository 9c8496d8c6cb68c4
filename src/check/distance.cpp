#include "check/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace calotype::checker {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

/// Where entry `index` of the reference's order lies in a [B,H,W,C] tensor.
int64_t place_of(int64_t index, const Shape& ours) {
  const int64_t height = ours[1], width = ours[2], channels = ours[3];
  const int64_t pixel = index % (height * width), plane = index / (height * width);
  return (plane / channels * height * width + pixel) * channels + plane % channels;
}

template <class Visit>
void each(const Tensor& x, const Visit& visit) {
  if (x.dtype() == DType::f64)
    for (const double value : x.view<double>()) visit(value);
  else
    for (const float value : x.view<float>()) visit(double{value});
}

double at(const Tensor& x, int64_t place) {
  return x.dtype() == DType::f64 ? x.view<double>()[place] : double{x.view<float>()[place]};
}

}  // namespace

Shape reference_shape(const Tensor& x) {
  const Shape& shape = x.shape();
  return shape.rank() == 4 ? Shape{shape[0], shape[3], shape[1], shape[2]} : shape;
}

std::vector<double> reference_values(const Tensor& x, int64_t stride) {
  check(stride > 0, "every {}th value is none", stride);
  const int64_t count = x.count();
  std::vector<double> values;
  values.reserve((count + stride - 1) / stride);
  const bool map = x.shape().rank() == 4;
  for (int64_t i = 0; i < count; i += stride) values.push_back(at(x, map ? place_of(i, x.shape()) : i));
  return values;
}

Tensor maps_from_reference(const Tensor& x) {
  if (x.shape().rank() != 4) return x;
  const Shape& from = x.shape();
  Tensor y = Tensor::empty({from[0], from[2], from[3], from[1]}, x.dtype());
  const auto move = [&]<class T>() {
    const std::span<const T> source = x.view<T>();
    const std::span<T> target = y.edit<T>();
    for (size_t i = 0; i < source.size(); ++i) target[place_of(static_cast<int64_t>(i), y.shape())] = source[i];
  };
  if (x.dtype() == DType::f64)
    move.template operator()<double>();
  else
    move.template operator()<float>();
  return y;
}

double relative_l2(std::span<const double> got, std::span<const double> want) {
  if (got.size() != want.size()) return kInfinite;
  double difference = 0, length = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    length += want[i] * want[i];
  }
  return length == 0 ? std::sqrt(difference) : std::sqrt(difference / length);
}

namespace {

double greatest_difference(std::span<const double> got, std::span<const double> want) {
  if (got.size() != want.size()) return kInfinite;
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(got[i] - want[i]);
    if (!(difference <= worst)) worst = std::isnan(difference) ? kInfinite : difference;
  }
  return worst;
}

}  // namespace

double greatest_beside_rms(std::span<const double> got, std::span<const double> want) {
  double length = 0;
  for (const double value : want) length += value * value;
  const double rms = want.empty() ? 0 : std::sqrt(length / static_cast<double>(want.size()));
  const double worst = greatest_difference(got, want);
  return rms == 0 ? worst : worst / rms;
}

double greatest_beside_one(std::span<const double> got, std::span<const double> want) {
  double scale = 1;
  for (const double value : want) scale = std::max(scale, std::abs(value));
  return greatest_difference(got, want) / scale;
}

double relative(double got, double want) {
  return want == 0 ? std::abs(got) : std::abs(got - want) / std::abs(want);
}

double greatest_relative(std::span<const double> got, std::span<const double> want) {
  if (got.size() != want.size()) return kInfinite;
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double distance = relative(got[i], want[i]);
    if (!(distance <= worst)) worst = std::isnan(distance) ? kInfinite : distance;
  }
  return worst;
}

Statistics statistics(const Tensor& x) {
  Statistics result{0, 0, kInfinite, -kInfinite};
  each(x, [&](double value) {
    result.mean += value;
    result.rms += value * value;
    result.least = std::min(result.least, value);
    result.greatest = std::max(result.greatest, value);
  });
  const double count = static_cast<double>(std::max<int64_t>(1, x.count()));
  result.mean /= count;
  result.rms = std::sqrt(result.rms / count);
  return result;
}

}  // namespace calotype::checker

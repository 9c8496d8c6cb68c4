#include "diffusion/guidance.h"

#include <cmath>
#include <span>
#include <vector>

#include "diffusion/combine.h"
#include "tensor/history.h"

namespace calotype {
namespace {

template <class T>
double deviation(std::span<const T> values) {
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (static_cast<double>(values.size()) - 1));
}

}  // namespace

Tensor guided(const Tensor& without, const Tensor& with, double scale, double rescale) {
  check(with.shape().rank() >= 2, "guidance: takes [B, ...], not {}", with.shape().text());
  const Tensor out = combine({{1 - scale, without}, {scale, with}});
  if (rescale == 0) return out;
  const size_t pictures = out.dim(0);
  std::vector<double> factors(pictures, 1.0);
  for_float(out.dtype(), [&]<class T>() {
    const size_t stretch = out.count() / pictures;
    for (size_t b = 0; b < pictures; ++b) {
      const double wanted = deviation(with.view<T>().subspan(b * stretch, stretch));
      const double found = deviation(out.view<T>().subspan(b * stretch, stretch));
      if (found > 0) factors[b] = 1 + rescale * (wanted / found - 1);
    }
  });
  return not_differentiable("guided", combine({{factors, out}}), {without, with});
}

}  // namespace calotype

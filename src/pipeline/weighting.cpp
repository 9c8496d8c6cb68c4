#include "pipeline/weighting.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace calotype {
namespace {

double sum_of(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

Tensor weighted(const Tensor& encoding, std::span<const double> weights, Weighting weighting, const Tensor& empty) {
  const int64_t chunks = encoding.dim(0), tokens = encoding.dim(1), width = encoding.dim(2);
  check(static_cast<int64_t>(weights.size()) == chunks * tokens, "weighting: {} weights for an encoding {}",
        weights.size(), encoding.shape().text());
  if (std::ranges::all_of(weights, [](double weight) { return weight == 1; })) return encoding;
  Tensor result = Tensor::empty(encoding.shape());
  const auto before = encoding.view<float>();
  const auto after = result.edit<float>();
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    const auto from = before.subspan(chunk * tokens * width, tokens * width);
    const auto to = after.subspan(chunk * tokens * width, tokens * width);
    for (int64_t token = 0; token < tokens; ++token) {
      const auto weight = static_cast<float>(weights[chunk * tokens + token]);
      for (int64_t i = token * width; i < (token + 1) * width; ++i) {
        const float origin = weighting == Weighting::from_empty ? empty.view<float>()[i] : 0.0F;
        to[i] = weight == 1 ? from[i] : origin + (from[i] - origin) * weight;
      }
    }
    if (weighting != Weighting::mean_restored) continue;
    const double was = sum_of(from), is = sum_of(to);
    const auto factor = static_cast<float>(is == 0 ? 1 : was / is);
    for (float& value : to) value *= factor;
  }
  return result;
}

}  // namespace calotype

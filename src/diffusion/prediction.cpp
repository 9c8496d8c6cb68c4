#include "diffusion/prediction.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/combine.h"

namespace calotype {
namespace {

Weight signals(std::span<const Level> levels) {
  std::vector<double> weights;
  for (const Level& level : levels) weights.push_back(level.signal);
  return weights;
}

Weight noises(std::span<const Level> levels, double sign = 1) {
  std::vector<double> weights;
  for (const Level& level : levels) weights.push_back(sign * level.noise);
  return weights;
}

}  // namespace

const char* name_of(Prediction prediction) {
  switch (prediction) {
    case Prediction::epsilon:
      return "epsilon";
    case Prediction::v_prediction:
      return "v_prediction";
    case Prediction::sample:
      return "sample";
  }
  return "?";
}

std::optional<Prediction> prediction_from(std::string_view name) {
  if (name == "epsilon" || name == "eps") return Prediction::epsilon;
  if (name == "v_prediction" || name == "v") return Prediction::v_prediction;
  if (name == "sample" || name == "x0") return Prediction::sample;
  return std::nullopt;
}

Denoiser denoiser(Network network, Prediction prediction) {
  return [network = std::move(network), prediction](const Tensor& x, const Level& at) {
    const double scale = at.input_scale();
    const bool preserving = std::abs(scale - 1) < 1e-12;
    const Tensor output = network(preserving ? x : combine({{scale, x}}), at.time);
    return clean_from(prediction, x, output, at);
  };
}

Tensor clean_from(Prediction prediction, const Tensor& x, const Tensor& output, const Level& at) {
  if (prediction == Prediction::sample) return output;
  if (prediction == Prediction::epsilon) {
    require(
        at.signal > 0, ErrorKind::bad_input,
        "sampling: a network that predicts noise says nothing at time {}, where no signal is left; zero terminal SNR "
        "is for networks that predict v",
        at.time);
    return combine({{1 / at.signal, x}, {-at.noise / at.signal, output}});
  }
  const double scale = at.input_scale();
  return combine({{at.signal * scale * scale, x}, {-at.noise * scale, output}});
}

Tensor output_from(Prediction prediction, const Tensor& x, const Tensor& clean, const Level& at) {
  if (prediction == Prediction::sample) return clean;
  if (prediction == Prediction::epsilon) return noise_from(x, clean, at);
  const double scale = at.input_scale();
  return combine({{at.signal * scale / at.noise, x}, {-1 / (at.noise * scale), clean}});
}

Tensor moved(Prediction prediction, const Tensor& x, const Tensor& output, const Step& step) {
  const auto& [from, to] = step;
  if (prediction == Prediction::epsilon) {
    const double grown = to.signal / from.signal;
    return combine({{grown, x}, {to.noise - grown * from.noise, output}});
  }
  const Tensor clean = clean_from(prediction, x, output, from);
  return combine({{to.signal, clean}, {to.noise, noise_from(x, clean, from)}});
}

Tensor noise_from(const Tensor& x, const Tensor& clean, const Level& at) {
  return combine({{1 / at.noise, x}, {-at.signal / at.noise, clean}});
}

Tensor add_noise(const Tensor& clean, const Tensor& noise, std::span<const Level> levels) {
  return combine({{signals(levels), clean}, {noises(levels), noise}});
}

Tensor target(Prediction prediction, const Tensor& clean, const Tensor& noise, std::span<const Level> levels) {
  if (prediction == Prediction::epsilon) return noise;
  if (prediction == Prediction::sample) return clean;
  return combine({{signals(levels), noise}, {noises(levels, -1), clean}});
}

double min_snr_weight(Prediction prediction, double snr, double gamma) {
  const double capped = std::min(snr, gamma);
  switch (prediction) {
    case Prediction::epsilon:
      return capped / snr;
    case Prediction::v_prediction:
      return capped / (snr + 1);
    case Prediction::sample:
      return capped;
  }
  return 1;
}

}  // namespace calotype

#include <algorithm>
#include <cmath>
#include <numbers>

#include "diffusion/sampler.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// What the clean guess becomes when noise was added to x after the network had been called.
Tensor moved_guess(Prediction prediction, const Tensor& clean, const Tensor& before, const Tensor& x, double sigma,
                   double churned) {
  switch (prediction) {
    case Prediction::epsilon:
      return combine({{1, x}, {-churned / sigma, before}, {churned / sigma, clean}});
    case Prediction::v_prediction:
      return combine({{1, clean}, {1 / (sigma * sigma + 1), x}, {-1 / (sigma * sigma + 1), before}});
    case Prediction::sample:
      break;
  }
  return clean;
}

}  // namespace

/// Euler steps along the probability-flow ODE (Karras et al. 2022, algorithm 2 without its correction). Churn needs
/// variance-exploding coordinates; without it any will do, and variance-preserving ones make this DDIM.
Tensor euler(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  const double most = std::min(options.churn / static_cast<double>(run.plan.steps.size()), std::numbers::sqrt2 - 1);
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const double sigma = from.sigma();
    const double gamma = sigma >= options.churn_from && sigma <= options.churn_to ? most : 0;
    const double churned = sigma * (1 + gamma);
    const double added = options.noise_scale * std::sqrt(churned * churned - sigma * sigma);
    Level at = from;
    Tensor clean;
    if (options.late_churn && gamma > 0) {
      const Tensor before = x;
      clean = run.guess(i, before, from);
      x = combine({{1, before}, {added, run.draw()}});
      at = exploding(churned, from.time);
      clean = moved_guess(*options.late_churn, clean, before, x, sigma, churned);
    } else {
      const Tensor z = gamma > 0 || options.always_draw ? run.draw() : Tensor();
      if (gamma > 0) {
        x = combine({{1, x}, {added, z}});
        at = run.plan.level_at(churned);
      }
      clean = run.guess(i, x, at);
    }
    const double shrink = to.noise / at.noise;
    x = run.finished(i, combine({{shrink, x}, {to.signal - shrink * at.signal, clean}}));
  }
  return x;
}

}  // namespace calotype

#include <cmath>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// What the clean guess becomes when noise was added to x after the network had been called.
Tensor moved_guess(Prediction prediction, const Tensor& clean, const Tensor& before, const Tensor& x, double sigma,
                   double raised) {
  switch (prediction) {
    case Prediction::epsilon:
      return combine({{1, x}, {-raised / sigma, before}, {raised / sigma, clean}});
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
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const double share = run.options.late_churn ? churn_share(run, from) : 0;
    Level at = from;
    Tensor clean;
    if (share > 0) {
      const Tensor before = x;
      const double sigma = from.sigma(), raised = sigma * (1 + share);
      clean = run.guess(i, before, from);
      x = combine({{1, before}, {run.options.noise_scale * std::sqrt(raised * raised - sigma * sigma), run.draw()}});
      at = exploding(raised, from.time);
      clean = moved_guess(run.prediction, clean, before, x, sigma, raised);
    } else {
      if (!run.options.late_churn) {
        Churned start = churned(run, i, x);
        x = start.x;
        at = start.at;
      }
      clean = run.guess(i, x, at);
    }
    const double shrink = to.noise / at.noise;
    x = run.finished(i, combine({{shrink, x}, {to.signal - shrink * at.signal, clean}}));
  }
  return x;
}

}  // namespace calotype

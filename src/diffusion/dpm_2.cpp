#include <cmath>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver of second order with the step's geometric middle, and churn (k-diffusion; diffusers' KDPM2). Variance
/// exploding. Onto a level without noise a step of Euler.
Tensor dpm_2(const Sampling& run, Tensor x) {
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const Churned start = churned(run, i, x);
    const double sigma = start.at.noise, next = run.plan.steps[i].to.noise, middle = std::sqrt(sigma * next);
    const Tensor clean = run.guess(i, start.x, start.at);
    if (next == 0) {
      x = run.finished(i, clean);
      continue;
    }
    const Tensor half = combine({{middle / sigma, start.x}, {1 - middle / sigma, clean}});
    const double reach = (next - sigma) / middle;
    x = run.finished(i, combine({{1, start.x}, {reach, half}, {-reach, run.denoise(half, run.plan.level_at(middle))}}));
  }
  return x;
}

}  // namespace calotype

#include "diffusion/steps.h"

namespace calotype {

/// Heun's method along the probability-flow ODE, with churn (Karras et al. 2022, algorithm 2). Variance exploding.
Tensor heun(const Sampling& run, Tensor x) {
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const Churned start = churned(run, i, x);
    const Tensor clean = run.guess(i, start.x, start.at);
    x = run.finished(i, heun_step(run, start.x, clean, start.at, run.plan.steps[i].to));
  }
  return x;
}

}  // namespace calotype

#include <cmath>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Heun's method that goes back up with fresh noise and down again (Xu et al. 2023), as the web interface has it: the
/// plan says from where to where. Variance exploding.
Tensor restart(const Sampling& run, Tensor x) {
  const auto& steps = run.plan.steps;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const auto& [from, to] = steps[i];
    if (i > run.plan.first && from.noise > steps[i - 1].to.noise) {
      const double below = steps[i - 1].to.noise, added = std::sqrt((from.noise - below) * (from.noise + below));
      x = combine({{1, x}, {run.options.noise_scale * added, run.draw()}});
    }
    x = run.finished(i, heun_step(run, x, run.guess(i, x, from), from, to));
  }
  return x;
}

}  // namespace calotype

#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver++ of second order in single steps, with ancestral noise (k-diffusion). Variance exploding.
Tensor dpmpp_2s_ancestral(const Sampling& run, Tensor x) {
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const double sigma = run.plan.steps[i].from.noise, next = run.plan.steps[i].to.noise;
    Tensor clean = run.guess(i, x, run.plan.steps[i].from);
    const auto [down, up] = ancestral(sigma, next, run.options.eta);
    if (down > 0) {
      const double middle = std::sqrt(sigma * down);
      const Tensor half = combine({{middle / sigma, x}, {1 - middle / sigma, clean}});
      clean = run.denoise(half, run.plan.level_at(middle));
    }
    x = combine({{down / sigma, x}, {1 - down / sigma, clean}});
    if (next > 0) x = combine({{1, x}, {up * run.options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

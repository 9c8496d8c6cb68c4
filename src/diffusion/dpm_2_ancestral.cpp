#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver of second order with ancestral noise (k-diffusion; diffusers' KDPM2 ancestral). Variance exploding.
Tensor dpm_2_ancestral(const Sampling& run, Tensor x) {
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const double sigma = run.plan.steps[i].from.noise, next = run.plan.steps[i].to.noise;
    const Tensor clean = run.guess(i, x, run.plan.steps[i].from);
    const auto [down, up] = ancestral(sigma, next, run.options.eta);
    if (down == 0) {
      x = clean;
    } else {
      const double middle = std::sqrt(sigma * down), reach = (down - sigma) / middle;
      const Tensor half = combine({{middle / sigma, x}, {1 - middle / sigma, clean}});
      x = combine({{1, x}, {reach, half}, {-reach, run.denoise(half, run.plan.level_at(middle))}});
    }
    if (next > 0) x = combine({{1, x}, {up * run.options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

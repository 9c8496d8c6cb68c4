#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver++ for the diffusion SDE, with a second call in the middle of each step (k-diffusion, r = 1/2). Variance
/// exploding.
Tensor dpmpp_sde(const Sampling& run, Tensor x) {
  const auto down_with_noise = [&](const Tensor& clean, double sigma, double next) {
    const auto [down, up] = ancestral(sigma, next, run.options.eta);
    const Tensor z = run.noise(sigma, next);
    return combine({{down / sigma, x}, {1 - down / sigma, clean}, {up * run.options.noise_scale, z}});
  };
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const double sigma = run.plan.steps[i].from.noise, next = run.plan.steps[i].to.noise;
    Tensor clean = run.guess(i, x, run.plan.steps[i].from);
    if (next == 0) {
      x = std::move(clean);
    } else {
      const double middle = std::sqrt(sigma * next);
      clean = run.denoise(down_with_noise(clean, sigma, middle), run.plan.level_at(middle));
      x = down_with_noise(clean, sigma, next);
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Euler steps that go further down than asked and come back up with fresh noise (k-diffusion). Variance-exploding
/// coordinates; eta 0 is Euler.
Tensor euler_ancestral(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const double sigma = run.plan.steps[i].from.noise, next = run.plan.steps[i].to.noise;
    const Tensor clean = run.guess(i, x, run.plan.steps[i].from);
    const auto [down, up] = ancestral(sigma, next, options.eta);
    x = combine({{down / sigma, x}, {1 - down / sigma, clean}});
    if (next > 0 || options.always_draw) x = combine({{1, x}, {up * options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

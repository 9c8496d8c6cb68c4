#include <algorithm>
#include <cmath>
#include <utility>

#include "diffusion/sampler.h"
#include "ops/combine.h"

namespace calotype {

/// Euler steps that go further down than asked and come back up with fresh noise (k-diffusion). Variance-exploding
/// coordinates; eta 0 is Euler.
Tensor euler_ancestral(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const double sigma = from.sigma(), next = to.sigma();
    const Tensor clean = run.guess(i, x, from);
    const double up = std::min(next, options.eta * next * std::sqrt(std::max(1 - next * next / (sigma * sigma), 0.0)));
    const double down = std::sqrt(next * next - up * up);
    x = combine({{down / sigma, x}, {1 - down / sigma, clean}});
    if (next > 0 || options.always_draw) x = combine({{1, x}, {up * options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Latent consistency models (Luo et al. 2023): each guess is taken for the end and noised anew for the next. In any
/// coordinates.
Tensor lcm(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    Tensor clean = run.guess(i, x, from);
    if (options.clip > 0) clean = clamped(clean, options.clip);
    if (options.boundary_scaling) {
      const double t = 10 * from.time, spread = t * t + 0.25;
      clean = combine({{t / std::sqrt(spread), clean}, {0.25 / spread * from.input_scale(), x}});
    }
    x = combine({{to.signal, clean}});
    if (i + 1 < run.plan.steps.size() && to.noise > 0)
      x = combine({{1, x}, {to.noise * options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

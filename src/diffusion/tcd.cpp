#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Trajectory consistency distillation (Zheng et al. 2024): each guess leads below the next time by a share `eta` of
/// it, and fresh noise back up. In any coordinates.
Tensor tcd(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor guess = run.guess(i, x, from), noise = noise_from(x, guess, from);
    const Tensor clean = options.clip > 0 ? clamped(guess, options.clip) : guess;
    const bool last = i + 1 == run.plan.steps.size();
    const Level below = last && to.noise == 0 ? to : run.plan.at_time(std::floor((1 - options.eta) * to.time));
    x = combine({{below.signal, clean}, {below.noise, noise}});
    if (!last && options.eta > 0) {
      const double grown = to.signal / below.signal, kept = grown * below.noise;
      const double added = std::sqrt((to.noise - kept) * (to.noise + kept));
      x = combine({{grown, x}, {added * options.noise_scale, run.draw()}});
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

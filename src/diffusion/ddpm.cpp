#include <algorithm>
#include <cmath>
#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Ancestral sampling of the diffusion process itself (Ho et al. 2020, algorithm 2), in any coordinates.
Tensor ddpm(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor guess = run.guess(i, x, from);
    const Tensor clean = options.clip > 0 ? clamped(guess, options.clip) : guess;
    // The formulas are those of variance-preserving coordinates; `in` and `out` lead there and back.
    const double in = from.input_scale(), out = 1 / to.input_scale();
    const double share = from.signal * in, share_next = to.signal / out;
    const double noise = from.noise * in, noise_next = to.noise / out;
    const double kept = share / share_next, fresh = (1 - kept) * (1 + kept);
    const double spread = noise_next * noise_next / (noise * noise);
    x = combine({{out * share_next * fresh / (noise * noise), clean}, {out * in * kept * spread, x}});
    const double variance = options.large_variance ? fresh : std::max(spread * fresh, 1e-20);
    if (options.always_draw ? from.time > 0 : to.noise > 0)
      x = combine({{1, x}, {out * std::sqrt(variance) * options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <utility>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// Denoising diffusion implicit models (Song et al. 2021, equation 12), in any coordinates; eta 0 is deterministic, eta
/// 1 is DDPM.
Tensor ddim(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor guess = run.guess(i, x, from);
    const Tensor clean = options.clip > 0 ? clamped(guess, options.clip) : guess;
    const Tensor noise = noise_from(x, options.clip_noise ? clean : guess, from);
    const auto [down, up] = ancestral(from.sigma(), to.sigma(), options.eta);
    x = combine({{to.signal, clean}, {to.signal * down, noise}});
    if (options.eta > 0 || options.always_draw) {
      const Tensor z = run.draw();
      if (up > 0) x = combine({{1, x}, {to.signal * up, z}});
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <cmath>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver of orders 1 to 3 that remembers the guessed noise (Lu et al. 2022, the first paper), in any coordinates;
/// with eta above 0 the solver of the SDE, of two orders. It must not step onto a level without noise; there it ends
/// at the guess.
Tensor dpm_multistep(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  std::vector<Remembered> past;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor clean = run.guess(i, x, from);
    remember(past, {from, noise_from(x, clean, from)}, 3);
    const bool sde = options.eta > 0;
    const Tensor z = sde ? run.noise(from.sigma(), to.sigma()) : Tensor();
    if (to.noise == 0) {
      x = run.finished(i, combine({{to.signal, clean}}));
      continue;
    }
    const double h = to.lambda() - from.lambda(), grown = std::expm1(h), twice = sde ? 2 : 1;
    const int order = multistep_order(run, i, past.size());
    const auto [first, second] = differences(past, order, h);
    x = combine({{to.signal / from.signal, x}, {-twice * to.noise * grown, past[0].value}});
    if (order == 2) {
      const double factor = options.solver == Solver::midpoint ? grown / 2 : grown / h - 1;
      x = combine({{1, x}, {-twice * to.noise * factor, first}});
    } else if (order == 3) {
      const double factor = (grown - h) / (h * h) - 0.5;
      x = combine({{1, x}, {-twice * to.noise * (grown / h - 1), first}, {-twice * to.noise * factor, second}});
    }
    if (sde) x = combine({{1, x}, {to.noise * std::sqrt(std::expm1(2 * h)) * options.noise_scale, z}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

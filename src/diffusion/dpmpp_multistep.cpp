#include <cmath>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver++ of orders 1 to 3 that remembers guesses (Lu et al. 2022, algorithm 2; k-diffusion's 2M, 2M SDE and 3M
/// SDE), in any coordinates; with eta the solver of the SDE. Onto a level without noise it ends at the guess.
Tensor dpmpp_multistep(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  std::vector<Remembered> past;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor clean = run.guess(i, x, from);
    remember(past, {from, clean}, 3);
    const bool fresh = options.eta > 0 && to.noise > 0;
    const Tensor z = fresh || options.always_draw ? run.noise(from.sigma(), to.sigma()) : Tensor();
    if (to.noise == 0) {
      x = run.finished(i, combine({{to.signal, clean}}));
      continue;
    }
    const double h = to.lambda() - from.lambda(), g = h * (1 + options.eta), gone = -std::expm1(-g);
    x = combine({{to.noise / from.noise * std::exp(-options.eta * h), x}, {to.signal * gone, clean}});
    const int order = multistep_order(run, i, past.size());
    const auto [first, second] = differences(past, order, h);
    if (order == 2) {
      x = combine({{1, x}, {to.signal * (options.solver == Solver::midpoint ? gone / 2 : 1 - gone / g), first}});
    } else if (order == 3) {
      // Of the SDE diffusers subtracts the half.
      const double half = options.sde_third_order_defect && options.eta > 0 ? -0.5 : 0.5;
      x = combine({{1, x}, {to.signal * (1 - gone / g), first}, {to.signal * ((gone - g) / (g * g) + half), second}});
    }
    if (fresh) {
      const double spread = to.noise * std::sqrt(-std::expm1(-2 * options.eta * h));
      x = combine({{1, x}, {spread * options.noise_scale, z}});
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

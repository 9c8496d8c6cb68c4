#include <cmath>
#include <utility>

#include "diffusion/sampler.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver++ of second order that remembers one guess (Lu et al. 2022, algorithm 2), in any coordinates. Onto a
/// level without noise it takes a step of first order, which ends at the guess.
Tensor dpmpp_2m(const Sampling& run, Tensor x) {
  const auto& steps = run.plan.steps;
  Tensor clean_before;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const auto& [from, to] = steps[i];
    const Tensor clean = run.guess(i, x, from);
    const double h = to.lambda() - from.lambda(), fall = to.signal * std::expm1(-h);
    const double keep = to.noise / from.noise;
    const bool last = i + 1 == steps.size();
    const bool first_order =
        !clean_before || to.noise == 0 ||
        (last && (run.options.first_order_final || (run.options.lower_order_final && steps.size() < 15)));
    if (first_order) {
      x = combine({{keep, x}, {-fall, clean}});
    } else {
      const double ratio = (from.lambda() - steps[i - 1].from.lambda()) / h;
      const double slope = (run.options.solver == Solver::midpoint ? -fall / 2 : fall / h + to.signal) / ratio;
      x = combine({{keep, x}, {slope - fall, clean}, {-slope, clean_before}});
    }
    clean_before = clean;
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "diffusion/noise_solver.h"
#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver that finds the length of its steps from the difference between two orders (k-diffusion). The plan has
/// one step, from the highest sigma to the lowest, where it ends. All pictures share the steps, so that one which must
/// not depend on others is drawn alone. Variance exploding.
Tensor dpm_adaptive(const Sampling& run, Tensor x) {
  constexpr int kMostSteps = 1000;  // of a network that never agrees with itself
  const SamplerOptions& options = run.options;
  const Step& whole = run.plan.steps[run.plan.first];
  const double end = -std::log(whole.to.noise);
  const int order = std::clamp(options.order, 2, 3);
  double place = -std::log(whole.from.noise), h = 0.05;
  Tensor before = x;
  Level at = whole.from;
  for (int steps = 0; place < end - 1e-5; ++steps) {
    require(steps < kMostSteps, ErrorKind::bad_input,
            "sampler: dpm_adaptive took {} steps without coming near an end; raise the tolerance or take another",
            kMostSteps);
    const double to = std::min(end, place + h), sigma = at.noise, next = std::exp(-to);
    const double down = std::max(whole.to.noise, ancestral(sigma, next, options.eta).down);
    NoiseSolver solver(run, at, x, run.guess(run.plan.first, x, at), down);
    const Tensor low = solver.step(order - 1, 1 / 3.0), high = solver.step(order);
    const double error = relative_rms(low, high, before, options.relative_tolerance, options.absolute_tolerance);
    const double grow = 1 / (error + 1e-8), power = 1.0 / (options.eta > 0 ? 1.5 : order);
    const double factor = 1 + std::atan(std::pow(grow, power) - 1);
    if (factor >= 0.81) {
      before = low;
      const double up = std::sqrt(std::max((next - down) * (next + down), 0.0));
      x = combine({{1, high}, {up * options.noise_scale, run.draw()}});
      place = to;
      at = run.plan.level_at(next);
    }
    h *= factor;
  }
  return run.finished(run.plan.first, std::move(x));
}

}  // namespace calotype

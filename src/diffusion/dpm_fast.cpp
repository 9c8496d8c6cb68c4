#include <algorithm>
#include <cmath>
#include <utility>

#include "diffusion/noise_solver.h"
#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {

/// DPM-Solver in steps of order 3 that make up a given number of calls (k-diffusion). Ends at the lowest sigma, not at
/// 0. Variance exploding.
Tensor dpm_fast(const Sampling& run, Tensor x) {
  const auto& steps = run.plan.steps;
  const int calls = run.plan.calls;
  const double lowest = steps.back().to.noise;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const size_t left = steps.size() - 1 - i;
    const int order = calls % 3 == 0 ? (left == 0 ? 1 : left == 1 ? 2 : 3) : (left == 0 ? calls % 3 : 3);
    const double sigma = steps[i].from.noise, next = steps[i].to.noise;
    const double down = std::max(lowest, ancestral(sigma, next, run.options.eta).down);
    const Tensor clean = run.guess(i, x, steps[i].from);
    x = NoiseSolver(run, steps[i].from, x, clean, down).step(order);
    const double up = std::sqrt(std::max((next - down) * (next + down), 0.0));
    x = combine({{1, x}, {up * run.options.noise_scale, run.draw()}});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// The order of each step: rising runs 1, 2, .. `most`, cut short so that the end is first order where it must be.
std::vector<int> orders(size_t steps, int most, bool lower_final, bool first_final) {
  std::vector<int> list;
  while (list.size() < steps)
    for (int order = 1; order <= most && list.size() < steps; ++order) list.push_back(order);
  if (first_final || (lower_final && steps % most == 0)) list.back() = 1;
  return list;
}

}  // namespace

/// DPM-Solver++ of orders 1 to 3 in single steps (Lu et al. 2022; diffusers): a step of order k goes from where the
/// last one of order 1 began. In any coordinates.
Tensor dpmpp_singlestep(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  const auto& steps = run.plan.steps;
  const int most = std::clamp(options.order, 1, 3);
  const bool to_clean = steps.back().to.noise == 0;
  const std::vector<int> list =
      orders(steps.size(), most, to_clean || options.lower_order_final || steps.size() % most != 0, to_clean);
  std::vector<Remembered> past;
  Tensor base;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const auto& [from, to] = steps[i];
    remember(past, {from, run.guess(i, x, from)}, 3);
    const int order = std::min(list[i], static_cast<int>(past.size()));
    if (order == 1) base = x;
    if (to.noise == 0) {
      x = run.finished(i, combine({{to.signal, past[0].value}}));
      continue;
    }
    const auto& [start, oldest] = past[order - 1];
    const double h = to.lambda() - start.lambda(), gone = -std::expm1(-h);
    x = combine({{to.noise / start.noise, base}, {to.signal * gone, oldest}});
    const bool heun = options.solver == Solver::heun;
    const auto slope = [&](int k) {  // of guess k over lambda in units of h, seen from the oldest
      const double r = (past[k].at.lambda() - start.lambda()) / h;
      return std::pair{r, combine({{1 / r, past[k].value}, {-1 / r, oldest}})};
    };
    if (order == 2) {
      x = combine({{1, x}, {to.signal * (heun ? 1 - gone / h : gone / 2), slope(0).second}});
    } else if (order == 3) {
      const auto [far, b] = slope(0);
      const auto [near, a] = slope(1);
      const double second = to.signal * (1 - gone / h), third = to.signal * ((gone - h) / (h * h) + 0.5);
      x = heun ? combine({{1, x},
                          {(second * far - 2 * third) / (far - near), a},
                          {(2 * third - second * near) / (far - near), b}})
               : combine({{1, x}, {second, b}});
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

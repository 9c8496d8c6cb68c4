#include "diffusion/steps.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "ops/combine.h"

namespace calotype {

Ancestral ancestral(double sigma, double next, double eta) {
  const double ratio = next / sigma;
  const double up = next * std::min(1.0, eta * std::sqrt(std::max((1 - ratio) * (1 + ratio), 0.0)));
  const double kept = (1 - eta) * (1 + eta) + eta * eta * ratio * ratio;
  return {next * std::sqrt(std::max(kept, 0.0)), up};
}

double churn_share(const Sampling& run, const Level& at) {
  const SamplerOptions& options = run.options;
  if (options.churn <= 0 || at.sigma() < options.churn_from || at.sigma() > options.churn_to) return 0;
  // k-diffusion knows only the steps that it is given, diffusers counts all of the grid.
  const size_t steps = run.plan.steps.size() - (options.late_churn ? 0 : run.plan.first);
  return std::min(options.churn / static_cast<double>(steps), std::numbers::sqrt2 - 1);
}

Churned churned(const Sampling& run, size_t index, Tensor x) {
  const Level& from = run.plan.steps[index].from;
  const double share = churn_share(run, from), sigma = from.sigma(), raised = sigma * (1 + share);
  const Tensor z = share > 0 || run.options.always_draw ? run.draw() : Tensor();
  if (share <= 0) return {std::move(x), from};
  const double added = run.options.noise_scale * std::sqrt(raised * raised - sigma * sigma);
  return {combine({{1, x}, {added, z}}), run.plan.level_at(raised)};
}

Tensor heun_step(const Sampling& run, const Tensor& x, const Tensor& clean, const Level& at, const Level& to) {
  const double sigma = at.noise, next = to.noise;
  const Tensor ahead = combine({{next / sigma, x}, {1 - next / sigma, clean}});
  if (next == 0) return ahead;
  const Tensor there = run.denoise(ahead, to);
  const double half = (next - sigma) / 2;
  return combine({{1 + half / sigma, x}, {-half / sigma, clean}, {half / next, ahead}, {-half / next, there}});
}

int multistep_order(const Sampling& run, size_t index, size_t remembered) {
  const SamplerOptions& options = run.options;
  const size_t steps = run.plan.steps.size();
  const bool last = index + 1 == steps, few = options.lower_order_final && steps < 15;
  if (run.plan.steps[index].to.noise == 0 || (last && (few || options.first_order_final))) return 1;
  const int most = few && index + 2 == steps ? 2 : options.order;
  return std::clamp(std::min(most, static_cast<int>(remembered)), 1, 3);
}

Differences differences(const std::vector<Remembered>& past, int order, double h) {
  if (order < 2) return {};
  const auto gap = [&](size_t i) { return (past[i].at.lambda() - past[i + 1].at.lambda()) / h; };
  const double r0 = gap(0);
  const Tensor near = combine({{1 / r0, past[0].value}, {-1 / r0, past[1].value}});
  if (order < 3) return {near, {}};
  const double r1 = gap(1), both = r0 + r1;
  const Tensor far = combine({{1 / r1, past[1].value}, {-1 / r1, past[2].value}});
  return {combine({{1 + r0 / both, near}, {-r0 / both, far}}), combine({{1 / both, near}, {-1 / both, far}})};
}

void remember(std::vector<Remembered>& past, Remembered fresh, size_t most) {
  past.insert(past.begin(), std::move(fresh));
  if (past.size() > most) past.resize(most);
}

}  // namespace calotype

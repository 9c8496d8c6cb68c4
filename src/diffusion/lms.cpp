#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// The integral from sigmas[last] to `next` of the polynomial that is 1 at sigmas[last - j] and 0 at the other
/// order - 1 before it: two points of Gauss are exact for degree three.
double weight(const std::vector<Step>& steps, size_t last, int order, int j) {
  const auto sigma = [&](int k) { return steps[last - k].from.noise; };
  const double a = sigma(0), b = steps[last].to.noise, middle = (a + b) / 2, reach = (b - a) / 2;
  double sum = 0;
  for (const double node : {-0.57735026918962576, 0.57735026918962576}) {
    double value = 1;
    for (int k = 0; k < order; ++k)
      if (k != j) value *= (middle + reach * node - sigma(k)) / (sigma(j) - sigma(k));
    sum += value;
  }
  return sum * reach;
}

}  // namespace

/// The linear multistep method of fourth order over sigma (k-diffusion). Variance exploding.
Tensor lms(const Sampling& run, Tensor x) {
  const auto& steps = run.plan.steps;
  const size_t most = std::clamp(run.options.order, 1, 4);
  std::vector<Remembered> slopes;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const Level& from = steps[i].from;
    const Tensor clean = run.guess(i, x, from);
    remember(slopes, {from, combine({{1 / from.noise, x}, {-1 / from.noise, clean}})}, most);
    const size_t known = run.options.late_weights ? i + 1 : slopes.size();
    const int order = static_cast<int>(std::min(known, most));
    std::array<double, 4> weights{};
    for (size_t j = 0; j < slopes.size(); ++j) weights[j] = weight(steps, i, order, static_cast<int>(j));
    slopes.resize(4, slopes.front());  // what fills up weighs nothing
    x = combine({{1, x},
                 {weights[0], slopes[0].value},
                 {weights[1], slopes[1].value},
                 {weights[2], slopes[2].value},
                 {weights[3], slopes[3].value}});
    slopes.resize(std::min(i + 1 - run.plan.first, most));
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

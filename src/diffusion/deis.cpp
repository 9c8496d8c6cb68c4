#include <cmath>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// An antiderivative of the line over ln sigma that is 1 at b and 0 at c.
double line(double t, double b, double c) {
  return t * (std::log(t) - std::log(c) - 1) / (std::log(b) - std::log(c));
}

/// The same of the parabola that is 1 at b and 0 at c and d.
double parabola(double t, double b, double c, double d) {
  const double lt = std::log(t), lb = std::log(b), lc = std::log(c), ld = std::log(d);
  return t * (lc * (ld - lt + 1) - ld * lt + ld + lt * lt - 2 * lt + 2) / ((lb - lc) * (lb - ld));
}

}  // namespace

/// DEIS over ln sigma, orders 1 to 3 (Zhang and Chen 2023; diffusers): the guessed noise is extrapolated and
/// integrated exactly. In any coordinates. Onto a level without noise it ends at the guess.
Tensor deis(const Sampling& run, Tensor x) {
  std::vector<Remembered> past;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const auto& [from, to] = run.plan.steps[i];
    const Tensor clean = run.guess(i, x, from);
    remember(past, {from, noise_from(x, clean, from)}, 3);
    if (to.noise == 0) {
      x = run.finished(i, combine({{to.signal, clean}}));
      continue;
    }
    const int order = multistep_order(run, i, past.size());
    const double grown = to.signal / from.signal, t = to.sigma(), a = from.sigma();
    const auto term = [&](double integral, size_t k) { return Term{to.signal * integral, past[k].value}; };
    if (order == 1) {
      x = combine({{grown, x}, term(t - a, 0)});
    } else if (order == 2) {
      const double b = past[1].at.sigma();
      x = combine({{grown, x}, term(line(t, a, b) - line(a, a, b), 0), term(line(t, b, a) - line(a, b, a), 1)});
    } else {
      const double b = past[1].at.sigma(), c = past[2].at.sigma();
      x = combine({{grown, x},
                   term(parabola(t, a, b, c) - parabola(a, a, b, c), 0),
                   term(parabola(t, b, c, a) - parabola(a, b, c, a), 1),
                   term(parabola(t, c, a, b) - parabola(a, c, a, b), 2)});
    }
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

#include <algorithm>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// The Adams-Bashforth formula of as many outputs as there are, the newest first, four at most.
Tensor extrapolated(const std::vector<Remembered>& past) {
  switch (past.size()) {
    case 1:
      return past[0].value;
    case 2:
      return combine({{3 / 2.0, past[0].value}, {-1 / 2.0, past[1].value}});
    case 3:
      return combine({{23 / 12.0, past[0].value}, {-16 / 12.0, past[1].value}, {5 / 12.0, past[2].value}});
    default:
      return combine({{55 / 24.0, past[0].value},
                      {-59 / 24.0, past[1].value},
                      {37 / 24.0, past[2].value},
                      {-9 / 24.0, past[3].value}});
  }
}

}  // namespace

/// Pseudo linear multistep (Liu et al. 2022), whose first step calls the network twice and averages. Variance
/// preserving.
Tensor plms(const Sampling& run, Tensor x) {
  const Prediction kind = run.options.raw_outputs ? run.prediction : Prediction::epsilon;
  std::vector<Remembered> past;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    Step step = run.plan.steps[i];
    const Tensor output = output_from(kind, x, run.guess(i, x, step.from), step.from);
    remember(past, {step.from, output}, 4);
    Tensor used = extrapolated(past);
    if (past.size() == 1 && run.plan.again) {
      const Tensor ahead = moved(kind, x, output, step);
      step = *run.plan.again;
      used = combine({{0.5, output}, {0.5, output_from(kind, ahead, run.denoise(ahead, step.to), step.to)}});
      if (run.options.always_draw) run.draw();
    }
    if (run.options.always_draw) run.draw();
    x = run.finished(i, moved(kind, x, used, step));
  }
  return x;
}

/// The same, begun with three steps of Runge and Kutta, four calls each; `past` of theirs are the outputs at their
/// beginnings.
Tensor pndm_prk(const Sampling& run, Tensor x) {
  const Prediction kind = run.options.raw_outputs ? run.prediction : Prediction::epsilon;
  std::vector<Remembered> past;
  for (size_t i = run.plan.first; i < run.plan.steps.size(); ++i) {
    const Step& step = run.plan.steps[i];
    const auto output_at = [&](const Tensor& state, const Level& at) {
      return output_from(kind, state, run.denoise(state, at), at);
    };
    const Tensor output = output_from(kind, x, run.guess(i, x, step.from), step.from);
    remember(past, {step.from, output}, 4);
    Tensor used = extrapolated(past);
    if (i < run.plan.first + 3) {
      const int stride = static_cast<int>(step.from.time - step.to.time), half = stride / 2;
      const Step halfway{step.from, run.plan.at_time(step.from.time - half)};
      const Level middle = run.plan.at_time(step.to.time + half);  // of an odd stride, one before `halfway.to`
      const Tensor second = output_at(moved(kind, x, output, halfway), middle);
      const Tensor third = output_at(moved(kind, x, second, halfway), middle);
      const Tensor fourth = output_at(moved(kind, x, third, step), step.to);
      used = combine({{1 / 6.0, output}, {1 / 3.0, second}, {1 / 3.0, third}, {1 / 6.0, fourth}});
    }
    x = run.finished(i, moved(kind, x, used, step));
  }
  return x;
}

}  // namespace calotype

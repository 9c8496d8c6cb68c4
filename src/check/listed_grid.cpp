#include "check/listed_grid.h"

#include <algorithm>
#include <cmath>

namespace calotype::checker {
namespace {

/// Sigma of the call within a step: DPM2's ancestral form goes further down, which puts the middle at the end.
double middle(const std::string& cls, const Step& step) {
  return cls == "KDPM2AncestralDiscreteScheduler" ? step.to.noise : std::sqrt(step.from.noise * step.to.noise);
}

bool is_dpm_2(const std::string& cls) {
  return cls == "KDPM2DiscreteScheduler" || cls == "KDPM2AncestralDiscreteScheduler";
}
bool is_second_order(const std::string& cls) {
  return cls == "HeunDiscreteScheduler" || cls == "DPMSolverSDEScheduler" || is_dpm_2(cls);
}

}  // namespace

std::vector<double> listed_sigmas(const std::string& cls, const Plan& plan) {
  const std::vector<double> once = plan.sigmas();
  if (!is_second_order(cls)) return once;
  std::vector<double> list;
  for (size_t i = 0; i < once.size(); ++i) {
    list.push_back(once[i]);
    if (i > 0 && i + 1 < once.size()) list.push_back(once[i]);
  }
  if (is_dpm_2(cls)) list.insert(list.end(), 2, 0.0);
  return list;
}

std::vector<double> listed_times(const std::string& cls, const Plan& plan) {
  std::vector<double> list;
  for (const Step& step : plan.steps) {
    list.push_back(step.from.time);
    if (!is_second_order(cls) || step.to.noise == 0) continue;
    list.push_back(cls == "HeunDiscreteScheduler" ? step.to.time : plan.level_at(middle(cls, step)).time);
  }
  return list;
}

double middle_time_error(const Step& step, const Plan& plan) {
  if (step.to.noise == 0) return 0;
  const double ratio = step.from.noise / step.to.noise, share = std::min(1.0, 0x1p-24 * ratio * ratio);
  return plan.level_at(step.to.noise * (1 + share)).time - plan.level_at(step.to.noise).time;
}

}  // namespace calotype::checker

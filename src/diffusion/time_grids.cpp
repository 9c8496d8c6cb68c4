#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/grids.h"

namespace calotype {
namespace {

void require_no_sigmas(const PlanRequest& request) {
  require(request.sigmas == SigmaKind::grid && request.own_sigmas.empty(), ErrorKind::bad_input,
          "sigmas: this sampler steps over timesteps and takes no {} levels; choose a spacing, or euler, which is the "
          "same sampler over sigma",
          request.own_sigmas.empty() ? name_of(request.sigmas) : "given");
}

Plan chained(const std::vector<Level>& levels, const Level& end) {
  Plan plan;
  for (size_t i = 0; i < levels.size(); ++i)
    plan.steps.push_back({levels[i], i + 1 < levels.size() ? levels[i + 1] : end});
  return plan;
}

std::vector<Level> levels_at(const NoiseSchedule& schedule, const std::vector<double>& times) {
  std::vector<Level> levels;
  for (const double time : times) levels.push_back(schedule.at(static_cast<int>(time)));
  return levels;
}

/// The original code and the web interface step from each time to the next of the grid.
Plan older_plan(const NoiseSchedule& schedule, const PlanRequest& request) {
  const bool ldm = request.recipe == Recipe::ldm;
  std::vector<Level> levels = levels_at(
      schedule, ldm ? ldm_timesteps(request.steps, schedule.size()) : web_ui_timesteps(request.steps, schedule.size()));
  Level end = schedule.at(0);
  if (!ldm) {
    end = levels.back();
    levels.pop_back();
  }
  return chained(levels, end);
}

/// diffusers' DDIM and PNDM step to the time a whole stride below, wherever the grid goes on.
struct Strides {
  const NoiseSchedule& schedule;
  int stride;
  Level end;

  Strides(const NoiseSchedule& noise, const PlanRequest& request)
      : schedule(noise), stride(noise.size() / request.steps), end(request.end_without_noise ? Level{} : noise.at(0)) {}

  Step from(double time) const {
    const int next = static_cast<int>(time) - stride;
    return {schedule.at(static_cast<int>(time)), next >= 0 ? schedule.at(next) : end};
  }
  Step to(double time) const {
    return {schedule.at(std::min(static_cast<int>(time) + stride, schedule.size() - 1)),
            schedule.at(static_cast<int>(time))};
  }
};

std::vector<double> grid_of(const NoiseSchedule& schedule, const PlanRequest& request) {
  return ddim_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size());
}

}  // namespace

Plan time_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  require_no_sigmas(request);
  if (family == GridFamily::ddpm) return chained(levels_at(schedule, grid_of(schedule, request)), Level{});
  Plan plan;
  if (request.recipe != Recipe::diffusers) {
    plan = older_plan(schedule, request);
    if (family == GridFamily::pndm && !plan.steps.empty()) plan.again = plan.steps.front();
    return plan;
  }
  const Strides strides(schedule, request);
  const std::vector<double> times = grid_of(schedule, request);
  for (const double time : times) plan.steps.push_back(strides.from(time));
  if (family == GridFamily::pndm && times.size() > 1) plan.again = strides.to(times[1]);
  return plan;
}

Plan pndm_plan_from(const NoiseSchedule& schedule, const PlanRequest& request, size_t kept) {
  std::vector<double> times = grid_of(schedule, request);
  if (times.size() > 1) times.insert(times.begin() + 1, times[1]);
  times.erase(times.begin(), times.end() - static_cast<ptrdiff_t>(std::min(times.size(), kept + 1)));
  const Strides strides(schedule, request);
  Plan plan;
  for (size_t i = 0; i < times.size(); ++i)
    if (i != 1) plan.steps.push_back(strides.from(times[i]));
  if (times.size() > 1) plan.again = strides.to(times[1]);
  plan.start = plan.steps.front().from;
  return plan;
}

Plan consistency_plan(const NoiseSchedule& schedule, const PlanRequest& request) {
  require_no_sigmas(request);
  const double strength = request.strength.value_or(1);
  return chained(
      levels_at(schedule, consistency_timesteps(request.steps, request.distilled_steps, strength, schedule.size())),
      request.end_without_noise ? Level{} : schedule.at(0));
}

Plan continuous_plan(const NoiseSchedule& schedule, const PlanRequest& request) {
  require_no_sigmas(request);
  require(request.steps >= 2, ErrorKind::bad_input, "steps: this grid of the original code needs 2 or more, not {}",
          request.steps);
  std::vector<Level> levels;
  for (int i = 0; i <= request.steps; ++i) {
    const double time = (schedule.size() - 1) * (1 - i * 1.0 / request.steps);
    const size_t low = std::min(static_cast<size_t>(time), schedule.sigmas().size() - 2);
    const double part = time - static_cast<double>(low);
    const auto log_signal = [&](size_t t) { return std::log(std::max(schedule.alphas_cumprod()[t], 0x1p-24)) / 2; };
    const double share = std::exp(2 * (log_signal(low) * (1 - part) + log_signal(low + 1) * part));
    levels.push_back({std::sqrt(share), std::sqrt(1 - share), time});
  }
  const Level end = levels.back();
  levels.pop_back();
  return chained(levels, end);
}

}  // namespace calotype

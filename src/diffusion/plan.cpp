#include "diffusion/plan.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/grids.h"
#include "ops/combine.h"

namespace calotype {
namespace {

bool over_times(GridFamily family) {
  return family == GridFamily::ddim || family == GridFamily::pndm || family == GridFamily::ddpm;
}

Plan laid(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  if (family == GridFamily::continuous) return continuous_plan(schedule, request);
  if (!variance_preserving(family, request.recipe)) return sigma_plan(schedule, family, request);
  if (family == GridFamily::consistency) return consistency_plan(schedule, request);
  return over_times(family) ? time_plan(schedule, family, request) : sigma_plan(schedule, family, request);
}

/// How many steps a run from a latent takes.
size_t kept_steps(const PlanRequest& request, GridFamily family, size_t count) {
  const double strength = *request.strength;
  const auto part = [&](double of) { return static_cast<size_t>(of * request.steps); };  // a double product, cut
  size_t kept = std::min(part(strength), count);
  if (request.recipe == Recipe::web_ui)
    kept = over_times(family) ? std::max(part(std::min(strength, 0.999)), size_t{1}) - 1
                              : std::min(part(std::min(strength, 0.999)) + 1, count);
  if (request.recipe == Recipe::comfyui && strength > 0) kept = std::min<size_t>(request.steps, count);
  require(kept >= 1, ErrorKind::bad_input,
          "strength: {} of {} steps leaves no step to take; raise the strength or the steps", strength, request.steps);
  return kept;
}

/// Which step a run from a latent begins with, and at what level noise is added.
void begin_later(Plan& plan, const NoiseSchedule& schedule, const PlanRequest& request, GridFamily family) {
  const size_t kept = kept_steps(request, family, plan.steps.size());
  if (family == GridFamily::pndm && request.recipe == Recipe::diffusers) {
    plan = pndm_plan_from(schedule, request, kept);
    return;
  }
  plan.first = plan.steps.size() - kept;
  plan.start = plan.steps[plan.first].from;
  if (plan.again) plan.again = plan.steps[plan.first];
  // These two add noise one level higher than where they go on.
  const bool above = over_times(family) && (request.recipe == Recipe::ldm || request.recipe == Recipe::web_ui);
  if (above && plan.first > 0) plan.start = plan.steps[plan.first - 1].from;
}

/// ComfyUI lays the grid for more steps, and runs the last of them.
PlanRequest for_whole_grid(const PlanRequest& request, int most) {
  PlanRequest whole = request;
  const bool part = request.recipe == Recipe::comfyui && request.strength.value_or(1) <= 0.9999;
  if (part && *request.strength > 0)
    whole.steps = static_cast<int>(std::min(request.steps / *request.strength, most * 1.0));
  return whole;
}

void check_request(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  require(request.steps >= 1 && request.steps <= schedule.size(), ErrorKind::bad_input,
          "steps: {} is outside of 1 .. {}", request.steps, schedule.size());
  for (size_t i = 0; i < request.own_sigmas.size(); ++i) {
    const double sigma = request.own_sigmas[i], before = i == 0 ? HUGE_VAL : request.own_sigmas[i - 1];
    require(sigma >= 0 && sigma < before && request.own_sigmas.size() > 1, ErrorKind::bad_input,
            "sigmas: entry {} is {}; a list has two entries or more and falls, at most to 0", i, sigma);
  }
  if (request.strength)
    require(*request.strength >= 0 && *request.strength <= 1, ErrorKind::bad_input, "strength: {} is outside of 0 .. 1",
            *request.strength);
  const bool original = family == GridFamily::ddim || family == GridFamily::pndm || family == GridFamily::continuous;
  require(original || request.recipe != Recipe::ldm, ErrorKind::unsupported,
          "recipe: the original code has no such sampler; take the recipe diffusers or web_ui");
}

}  // namespace

std::vector<double> Plan::sigmas() const {
  std::vector<double> result;
  for (const Step& step : steps) result.push_back(step.from.sigma());
  if (!steps.empty()) result.push_back(steps.back().to.sigma());
  return result;
}

Plan make_plan(const NoiseSchedule& trained, GridFamily family, const PlanRequest& request) {
  const NoiseSchedule schedule = request.recipe == Recipe::web_ui ? trained.in_single_precision() : trained;
  check_request(schedule, family, request);
  Plan plan = laid(schedule, family, for_whole_grid(request, schedule.size()));
  require(!plan.steps.empty(), ErrorKind::bad_input, "steps: this grid of the web interface needs 2 or more, not {}",
          request.steps);
  plan.start = plan.steps.front().from;
  const bool taken_in = family == GridFamily::consistency && variance_preserving(family, request.recipe);
  if (request.strength && !taken_in) begin_later(plan, schedule, request, family);
  const Level start = plan.start;
  if (family == GridFamily::calls) plan = in_calls(plan, schedule);
  if (family == GridFamily::range) plan = in_range(plan, schedule);
  if (family == GridFamily::restart) plan = with_restarts(plan, schedule);
  plan.start = start;

  const bool vp = variance_preserving(family, request.recipe), continuous = request.continuous_times;
  const auto level = [vp, continuous](double sigma, double time) {
    if (continuous) time = std::log(sigma) / 4;
    return vp ? preserving(sigma, time) : exploding(sigma, time);
  };
  plan.level_at = [schedule, level](double sigma) { return level(sigma, schedule.time_of(sigma)); };
  plan.at_time = [schedule, vp, level](double time) {
    const int whole = std::clamp(static_cast<int>(time), 0, schedule.size() - 1);
    return vp ? schedule.at(whole) : level(schedule.sigmas()[whole], whole);
  };
  if (vp) return plan;
  const double highest = plan.steps.front().from.sigma();
  const bool leading =
      of_diffusers(family, request) && request.spacing == Spacing::leading && request.own_sigmas.empty();
  const bool full =
      request.recipe == Recipe::comfyui && std::abs(plan.start.sigma() / schedule.highest_sigma() - 1) < 1e-5;
  plan.noise_scale = leading || full ? std::hypot(highest, 1) : highest;
  if (full && request.strength) plan.start.noise = plan.noise_scale;
  return plan;
}

Tensor first_state(const Plan& plan, const Tensor& noise) {
  return combine({{plan.noise_scale, noise}});
}

Tensor first_state(const Plan& plan, const Tensor& noise, const Tensor& clean) {
  return noised(clean, noise, plan.start);
}

Tensor noised(const Tensor& clean, const Tensor& noise, const Level& at) {
  return combine({{at.signal, clean}, {at.noise, noise}});
}

}  // namespace calotype

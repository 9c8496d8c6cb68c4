#include "diffusion/plan.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/sigmas.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// Levels to be called at, falling, and the one to end at.
struct Ladder {
  std::vector<Level> levels;
  Level end;
};

Plan chained(const Ladder& ladder) {
  Plan plan;
  for (size_t i = 0; i < ladder.levels.size(); ++i)
    plan.steps.push_back({ladder.levels[i], i + 1 < ladder.levels.size() ? ladder.levels[i + 1] : ladder.end});
  return plan;
}

/// Sigma of a kind over a range; `grid` is not among them.
std::vector<double> sigmas_of(SigmaKind kind, const NoiseSchedule& schedule, int count, double low, double high) {
  switch (kind) {
    case SigmaKind::grid:
    case SigmaKind::uniform:
      return uniform_sigmas(schedule, count);
    case SigmaKind::sgm_uniform:
      return sgm_uniform_sigmas(schedule, count);
    case SigmaKind::simple:
      return simple_sigmas(schedule, count);
    case SigmaKind::ddim_uniform:
      return ddim_uniform_sigmas(schedule, count);
    case SigmaKind::karras:
      return karras_sigmas(count, low, high);
    case SigmaKind::exponential:
    case SigmaKind::lu:
      return exponential_sigmas(count, low, high);
    case SigmaKind::polyexponential:
      return polyexponential_sigmas(count, low, high);
    case SigmaKind::beta:
      return beta_sigmas(count, low, high);
    case SigmaKind::kl_optimal:
      return kl_optimal_sigmas(count, low, high);
    case SigmaKind::align_your_steps:
      return align_your_steps_sigmas(count);
  }
  return {};
}

/// diffusers' DDIM steps from each time to the one a whole stride below, wherever the grid goes on.
Plan ddim_plan(const NoiseSchedule& schedule, const PlanRequest& request) {
  require(request.sigmas == SigmaKind::grid && request.own_sigmas.empty(), ErrorKind::bad_input,
          "sigmas: this sampler steps over timesteps and takes no {} levels; choose a spacing, or euler, which is the "
          "same sampler over sigma",
          request.own_sigmas.empty() ? name_of(request.sigmas) : "given");
  const int stride = schedule.size() / request.steps;
  const Level end = request.end_without_noise ? Level{} : schedule.at(0);
  Plan plan;
  for (const double time : ddim_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size())) {
    const int next = static_cast<int>(time) - stride;
    plan.steps.push_back({schedule.at(static_cast<int>(time)), next >= 0 ? schedule.at(next) : end});
  }
  return plan;
}

/// The original code and the web interface step from each time to the next of the grid.
Plan older_ddim_plan(const NoiseSchedule& schedule, const PlanRequest& request) {
  require(request.sigmas == SigmaKind::grid && request.own_sigmas.empty(), ErrorKind::bad_input,
          "sigmas: this sampler steps over timesteps and takes no sigma levels; choose euler for those");
  Ladder ladder;
  const bool web = request.recipe == Recipe::web_ui;
  for (const double time :
       web ? web_ui_timesteps(request.steps, schedule.size()) : ldm_timesteps(request.steps, schedule.size()))
    ladder.levels.push_back(schedule.at(static_cast<int>(time)));
  ladder.end = schedule.at(0);
  if (web) {
    ladder.end = ladder.levels.back();
    ladder.levels.pop_back();
  }
  return chained(ladder);
}

/// The DPM-Solver classes tell the network whole times: rounded for these kinds, cut for those.
double whole_time(SigmaKind kind, double time) {
  if (kind == SigmaKind::karras || kind == SigmaKind::lu) return std::nearbyint(time);
  if (kind == SigmaKind::exponential || kind == SigmaKind::beta) return std::trunc(time);
  return time;
}

Plan sigma_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  const bool diffusers = request.recipe == Recipe::diffusers, multistep = family == GridFamily::multistep;
  const bool vp = diffusers && multistep;
  const auto level = [&](double sigma, double time) {
    if (request.continuous_times) time = std::log(sigma) / 4;
    return vp ? preserving(sigma, time) : exploding(sigma, time);
  };
  Ladder ladder{{}, level(diffusers && request.end_at_lowest_sigma ? schedule.lowest_sigma() : 0, 0)};
  double low = schedule.lowest_sigma(), high = schedule.highest_sigma();
  if (!request.own_sigmas.empty()) {
    for (const double sigma : request.own_sigmas) ladder.levels.push_back(level(sigma, schedule.time_of(sigma)));
    ladder.end = level(request.own_sigmas.back(), 0);
    ladder.levels.pop_back();
    return chained(ladder);
  }
  if (diffusers) {
    for (const double time :
         multistep ? multistep_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size())
                   : sigma_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size()))
      ladder.levels.push_back(level(schedule.sigma_linear(time), time));
    if (request.sigmas == SigmaKind::grid) return chained(ladder);
    if (!multistep && request.sigmas != SigmaKind::kl_optimal) {
      high = ladder.levels.front().sigma();
      low = ladder.levels.back().sigma();
    }
    ladder.levels.clear();
  }
  const int count = request.steps + (request.discard_next_to_last ? 1 : 0);
  for (const double sigma : sigmas_of(request.sigmas, schedule, count, low, high)) {
    const double time = schedule.time_of(sigma);
    ladder.levels.push_back(level(sigma, vp ? whole_time(request.sigmas, time) : time));
  }
  if (request.sigmas == SigmaKind::kl_optimal) ladder.end = level(low, schedule.time_of(low));
  if (request.discard_next_to_last) ladder.levels.pop_back();
  return chained(ladder);
}

/// Which step a run from a latent begins with, and at what level noise is added.
void begin_later(Plan& plan, const PlanRequest& request, GridFamily family) {
  const double strength = *request.strength;
  require(strength >= 0 && strength <= 1, ErrorKind::bad_input, "strength: {} is outside of 0 .. 1", strength);
  const size_t count = plan.steps.size();
  const auto part = [&](double of) { return static_cast<size_t>(of * request.steps); };  // a double product, cut
  size_t kept = std::min(part(strength), count);
  if (request.recipe == Recipe::web_ui)
    kept = family == GridFamily::ddim ? std::max(part(std::min(strength, 0.999)), size_t{1}) - 1
                                      : std::min(part(std::min(strength, 0.999)) + 1, count);
  require(kept >= 1, ErrorKind::bad_input,
          "strength: {} of {} steps leaves no step to take; raise the strength or the steps", strength, request.steps);
  plan.first = count - kept;
  plan.start = plan.steps[plan.first].from;
  // These two add noise one level higher than where they go on.
  const bool above = request.recipe == Recipe::ldm || (request.recipe == Recipe::web_ui && family == GridFamily::ddim);
  if (above && plan.first > 0) plan.start = plan.steps[plan.first - 1].from;
}

}  // namespace

std::vector<double> Plan::sigmas() const {
  std::vector<double> result;
  for (const Step& step : steps) result.push_back(step.from.sigma());
  if (!steps.empty()) result.push_back(steps.back().to.sigma());
  return result;
}

Plan make_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  require(request.steps >= 1 && request.steps <= schedule.size(), ErrorKind::bad_input,
          "steps: {} is outside of 1 .. {}", request.steps, schedule.size());
  for (size_t i = 0; i < request.own_sigmas.size(); ++i) {
    const double sigma = request.own_sigmas[i], before = i == 0 ? HUGE_VAL : request.own_sigmas[i - 1];
    require(sigma >= 0 && sigma < before && request.own_sigmas.size() > 1, ErrorKind::bad_input,
            "sigmas: entry {} is {}; a list has two entries or more and falls, at most to 0", i, sigma);
  }
  const bool ddim = family == GridFamily::ddim, diffusers = request.recipe == Recipe::diffusers;
  require(ddim || request.recipe != Recipe::ldm, ErrorKind::unsupported,
          "recipe: the original code has no such sampler; take the recipe diffusers or web_ui");
  Plan plan = !ddim       ? sigma_plan(schedule, family, request)
              : diffusers ? ddim_plan(schedule, request)
                          : older_ddim_plan(schedule, request);
  const bool vp = ddim || (diffusers && family == GridFamily::multistep);
  plan.level_at = [schedule, vp](double sigma) {
    const double time = schedule.time_of(sigma);
    return vp ? preserving(sigma, time) : exploding(sigma, time);
  };
  require(!plan.steps.empty(), ErrorKind::bad_input, "steps: this grid of the web interface needs 2 or more, not {}",
          request.steps);
  plan.start = plan.steps.front().from;
  if (!vp) {
    const double highest = plan.start.sigma();
    const bool leading = diffusers && request.spacing == Spacing::leading && request.own_sigmas.empty();
    plan.noise_scale = leading ? std::hypot(highest, 1) : highest;
  }
  if (request.strength) begin_later(plan, request, family);
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

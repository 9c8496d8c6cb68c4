#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "diffusion/grids.h"
#include "diffusion/sigmas.h"

namespace calotype {
namespace {

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

/// The DPM-Solver classes tell the network whole times: rounded for these kinds, cut for those. DPM2 rounds too.
double told_time(GridFamily family, SigmaKind kind, double time) {
  const bool karras = kind == SigmaKind::karras;
  if (family == GridFamily::halves) return karras ? std::nearbyint(time) : time;
  if (!variance_preserving(family, Recipe::diffusers)) return time;
  if (karras || kind == SigmaKind::lu) return std::nearbyint(time);
  return kind == SigmaKind::exponential || kind == SigmaKind::beta ? std::trunc(time) : time;
}

/// Levels of a plan over sigma: how sigma and time become one.
struct Levels {
  bool preserving_variance, continuous;

  Level operator()(double sigma, double time) const {
    if (continuous) time = std::log(sigma) / 4;
    return preserving_variance ? preserving(sigma, time) : exploding(sigma, time);
  }
};

Plan chained(const std::vector<Level>& levels, const Level& end) {
  Plan plan;
  for (size_t i = 0; i < levels.size(); ++i)
    plan.steps.push_back({levels[i], i + 1 < levels.size() ? levels[i + 1] : end});
  return plan;
}

/// Times and sigma of diffusers' own grid.
std::vector<Level> own_grid(const NoiseSchedule& schedule, bool multistep, const PlanRequest& request,
                            const Levels& level) {
  std::vector<Level> levels;
  for (const double time :
       multistep ? multistep_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size())
                 : sigma_timesteps(request.spacing, request.steps, request.steps_offset, schedule.size()))
    levels.push_back(level(schedule.sigma_linear(time), time));
  return levels;
}

Plan over(const std::vector<double>& sigmas, const NoiseSchedule& schedule) {
  Plan plan;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i)
    plan.steps.push_back(
        {exploding(sigmas[i], schedule.time_of(sigmas[i])), exploding(sigmas[i + 1], schedule.time_of(sigmas[i + 1]))});
  return plan;
}

}  // namespace

bool of_diffusers(GridFamily family, const PlanRequest& request) {
  return request.recipe == Recipe::diffusers && family != GridFamily::calls && family != GridFamily::range &&
         family != GridFamily::restart;
}

bool variance_preserving(GridFamily family, Recipe recipe) {
  switch (family) {
    case GridFamily::ddim:
    case GridFamily::pndm:
      return recipe != Recipe::comfyui;
    case GridFamily::continuous:
      return true;
    case GridFamily::ddpm:
    case GridFamily::multistep:
    case GridFamily::deis:
    case GridFamily::consistency:
      return recipe == Recipe::diffusers;
    default:
      return false;
  }
}

Plan sigma_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request) {
  const bool diffusers = of_diffusers(family, request);
  const bool deis = family == GridFamily::deis && diffusers, multistep = family == GridFamily::multistep || deis;
  const Levels level{variance_preserving(family, request.recipe), request.continuous_times};
  double low = schedule.lowest_sigma(), high = schedule.highest_sigma();
  Level end = level(diffusers && (request.end_at_lowest_sigma || deis) ? low : 0, 0);
  std::vector<Level> levels;
  if (!request.own_sigmas.empty()) {
    for (const double sigma : request.own_sigmas) levels.push_back(level(sigma, schedule.time_of(sigma)));
    levels.pop_back();
    return chained(levels, level(request.own_sigmas.back(), 0));
  }
  if (diffusers) {
    levels = own_grid(schedule, multistep, request, level);
    if (request.log_linear) {
      // One more sigma than times: the last step ends at the lowest one.
      const std::vector<double> sigmas =
          exponential_sigmas(request.steps + 1, levels.back().sigma(), levels.front().sigma());
      for (size_t i = 0; i < levels.size(); ++i) levels[i] = level(sigmas[i], levels[i].time);
      return chained(levels, level(sigmas.back(), 0));
    }
    if (request.sigmas == SigmaKind::grid) return chained(levels, end);
    if (!multistep && request.sigmas != SigmaKind::kl_optimal) {
      high = levels.front().sigma();
      low = levels.back().sigma();
    }
    levels.clear();
  }
  const int count = request.steps + (request.discard_next_to_last ? 1 : 0);
  for (const double sigma : sigmas_of(request.sigmas, schedule, count, low, high)) {
    const double time = schedule.time_of(sigma);
    levels.push_back(level(sigma, diffusers ? told_time(family, request.sigmas, time) : time));
  }
  if (request.sigmas == SigmaKind::kl_optimal) end = level(low, schedule.time_of(low));
  if (deis) end = levels.back();
  if (request.discard_next_to_last) levels.pop_back();
  return chained(levels, end);
}

Plan in_calls(const Plan& plan, const NoiseSchedule& schedule) {
  const int calls = static_cast<int>(plan.steps.size() - plan.first), steps = calls / 3 + 1;
  const double high = plan.steps[plan.first].from.noise;
  Plan result = over(exponential_sigmas(steps + 1, std::min(schedule.lowest_sigma(), high), high), schedule);
  result.calls = calls;
  return result;
}

Plan in_range(const Plan& plan, const NoiseSchedule& schedule) {
  const double high = plan.steps[plan.first].from.noise;
  return over({high, std::min(schedule.lowest_sigma(), high)}, schedule);
}

Plan with_restarts(const Plan& plan, const NoiseSchedule& schedule) {
  const int steps = static_cast<int>(plan.steps.size() - plan.first);
  Plan result;
  result.steps.assign(plan.steps.begin() + static_cast<ptrdiff_t>(plan.first), plan.steps.end());
  if (steps < 20) return result;
  const int length = steps < 36 ? 9 : steps / 4, times = steps < 36 ? 1 : 2;
  std::vector<double> sigmas =
      karras_sigmas(steps - length * times, result.steps.back().from.noise, result.steps.front().from.noise);
  sigmas.push_back(0);
  const auto nearest = [&](double wanted) {
    return std::ranges::min_element(sigmas, {}, [&](double sigma) { return std::abs(sigma - wanted); }) -
           sigmas.begin();
  };
  const ptrdiff_t top = nearest(2), bottom = nearest(0.1);
  result = over(sigmas, schedule);
  if (top >= bottom) return result;
  const Plan again = over(karras_sigmas(length + 1, sigmas[bottom], sigmas[top]), schedule);
  for (int i = 0; i < times; ++i)
    result.steps.insert(result.steps.begin() + bottom, again.steps.begin(), again.steps.end());
  return result;
}

}  // namespace calotype

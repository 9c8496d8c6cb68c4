#pragma once

#include "diffusion/plan.h"

namespace calotype {

// How each family of samplers lays its grid: the parts of `make_plan`, which checks what they are given. They return
// all steps and know no `strength`, but for those that say so.

/// Does the grid follow diffusers? k-diffusion alone has the last three families.
bool of_diffusers(GridFamily family, const PlanRequest& request);
bool variance_preserving(GridFamily family, Recipe recipe);

/// Over timesteps: `ddim`, `ddpm` and `pndm`, by recipe.
Plan time_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request);
/// Over sigma: all others but these four.
Plan sigma_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request);
/// Takes `strength` into its grid.
Plan consistency_plan(const NoiseSchedule& schedule, const PlanRequest& request);
Plan continuous_plan(const NoiseSchedule& schedule, const PlanRequest& request);

/// PNDM of diffusers, begun in the middle: its list of times has the second one twice and is cut as it is, so that it
/// starts one time earlier, and the step after the second call is taken one time late.
Plan pndm_plan_from(const NoiseSchedule& schedule, const PlanRequest& request, size_t kept);

/// `calls`, `range` and `restart` for a run that begins at plan.first of a plan over sigma.
Plan in_calls(const Plan& plan, const NoiseSchedule& schedule);
Plan in_range(const Plan& plan, const NoiseSchedule& schedule);
Plan with_restarts(const Plan& plan, const NoiseSchedule& schedule);

}  // namespace calotype

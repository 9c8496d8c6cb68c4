#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "diffusion/schedule.h"
#include "diffusion/timesteps.h"
#include "tensor/tensor.h"

namespace calotype {

/// Whose habits are followed, to make the same pictures: they cut time in other places, begin and draw otherwise.
enum class Recipe {
  diffusers,
  web_ui,   ///< k-diffusion's samplers as the web interface calls them
  comfyui,  ///< the same, as the node interface calls them
  ldm,      ///< the original code
};

/// How noise levels are chosen. `grid` takes those of the timesteps (`Spacing`); all others choose levels first.
enum class SigmaKind {
  grid,
  uniform,
  sgm_uniform,
  simple,
  ddim_uniform,
  karras,
  exponential,
  polyexponential,
  lu,
  beta,
  kl_optimal,
  align_your_steps,
};

/// How a sampler's grid is laid. In the recipes of k-diffusion all but `ddim`, `pndm` and `continuous` step over sigma,
/// variance exploding.
enum class GridFamily {
  ddim,         ///< over whole timesteps, variance preserving
  ddpm,         ///< the same, each step to the next of the grid and the last to the clean latent
  pndm,         ///< the same as ddim, with the second call of the first step
  sigma,        ///< over sigma, variance exploding; the range of other sigma kinds is that of the grid
  halves,       ///< the same for DPM2 of diffusers, which rounds the times of Karras levels
  multistep,    ///< over sigma, variance preserving; their range is that of the whole table
  deis,         ///< the same, ending at the lowest sigma, not at 0
  consistency,  ///< among the 50 times that consistency models were distilled at
  continuous,   ///< even in time with fractions, to the first of the table: the original code's DPM-Solver
  calls,        ///< variance exploding to the lowest sigma, in steps for a number of calls
  range,        ///< one step over the whole range, which the sampler cuts
  restart,      ///< over sigma, variance exploding, with ways back up
};

const char* name_of(Recipe recipe);
const char* name_of(Spacing spacing);
const char* name_of(SigmaKind kind);
/// Names in any case, those of other programs too; nothing where the name is unknown.
std::optional<Recipe> recipe_from(std::string_view name);
std::optional<Spacing> spacing_from(std::string_view name);
std::optional<SigmaKind> sigma_kind_from(std::string_view name);
std::vector<SigmaKind> sigma_kinds();

/// What a run is asked for, in users' words.
struct PlanRequest {
  int steps = 20;
  Recipe recipe = Recipe::diffusers;
  Spacing spacing = Spacing::leading;
  SigmaKind sigmas = SigmaKind::grid;
  std::vector<double> own_sigmas = {};  ///< falling, the end included; used instead of all the above
  int steps_offset = 1;                 ///< added to `leading` times
  bool end_without_noise = false;       ///< DDIM ends at the clean latent, not at the first level ("set_alpha_to_one")
  bool end_at_lowest_sigma = false;     ///< sigma grids of diffusers end at sigma_0, not at 0 ("sigma_min")
  bool continuous_times = false;        ///< the network is told ln(sigma) / 4
  bool log_linear = false;              ///< sigma grids of diffusers even in ln sigma, N + 1 of them and then the end
  int distilled_steps = 50;             ///< of `consistency`: the times that there are to choose from
  /// Discards the level before the last, of one more step.
  bool discard_next_to_last = false;
  /// How much of a given latent is replaced, in 0 .. 1: fewer steps are run. Nothing: a run from noise alone.
  std::optional<double> strength = std::nullopt;
};

/// The levels that a run passes through.
struct Plan {
  std::vector<Step> steps;  ///< all of them
  size_t first = 0;         ///< where a run begins: later when it starts from a latent
  Level start;              ///< what noise is added at to a latent that a run starts from
  double noise_scale = 1;   ///< what pure noise is multiplied by otherwise
  /// A level in the same coordinates at any sigma, for samplers that call the network between steps.
  std::function<Level(double sigma)> level_at;
  /// The same at a time of training, 0 .. 999.
  std::function<Level(double time)> at_time;
  /// PLMS: the network is called again at `again.to`, and the first step is then taken from `again.from`.
  std::optional<Step> again = std::nullopt;
  int calls = 0;  ///< DPM fast: how many calls its steps share

  /// sigma of each step's beginning and of the end.
  std::vector<double> sigmas() const;
};

/// Throws `bad_input`, naming the field, its value and the allowed ones.
Plan make_plan(const NoiseSchedule& schedule, GridFamily family, const PlanRequest& request);

/// The state a run from noise alone begins with; [B,H,W,C], `noise` of unit variance.
Tensor first_state(const Plan& plan, const Tensor& noise);
/// The state a run begins with that keeps something of `clean`, a scaled latent: image to image, and whatever stands on
/// it. The plan must have been made with `PlanRequest::strength`, which each recipe reads in its own way and which
/// leaves out the first steps; then
///     plan = make_plan(schedule, sampler.family, request);  x = sampler.run({.plan = plan, ..}, first_state(plan,
///     noise, clean))
/// holds for every sampler. What a mask keeps is brought to the level of a step in the same way: `noised(.., step.to)`.
Tensor first_state(const Plan& plan, const Tensor& noise, const Tensor& clean);
/// `clean` at a level: for `Sampling::after_step`, where what is kept is put back. In the coordinates of `at`.
Tensor noised(const Tensor& clean, const Tensor& noise, const Level& at);

}  // namespace calotype

#include "pipeline/sampler_choice.h"

#include <algorithm>

#include "base/error.h"
#include "pipeline/names.h"

namespace calotype {
namespace {

std::vector<std::string> sampler_ids() {
  std::vector<std::string> ids;
  for (const Sampler& sampler : samplers()) ids.emplace_back(sampler.id);
  return ids;
}

std::vector<std::string> scheduler_names() {
  std::vector<std::string> names;
  for (const SigmaKind kind : sigma_kinds()) names.emplace_back(name_of(kind));
  return names;
}

const std::vector<std::string> kRecipes{"diffusers", "web_ui", "comfyui", "ldm"};
const std::vector<std::string> kSpacings{"leading", "linspace", "trailing"};
const std::vector<std::string> kSolvers{"midpoint", "heun", "bh1", "bh2"};
const std::vector<std::string> kSources{"torch-cpu", "torch-cuda", "numpy"};

/// A folder's own scheduler, where it is one of ours.
std::optional<NamedSampler> of_folder(const StableDiffusion& model) {
  if (!model.scheduler) return std::nullopt;
  try {
    return sampler_named(*model.scheduler);
  } catch (const Error&) {
    return std::nullopt;
  }
}

bool steps_over_time(const Sampler& sampler) {
  return sampler.preferred_sigmas == SigmaKind::grid || sampler.family == GridFamily::consistency;
}

/// What the model's folder says about grids, which diffusers' classes heed.
void take_folder(const StableDiffusion& model, Settled& run) {
  if (run.recipe != Recipe::diffusers) return;
  if (model.steps_offset) run.plan.steps_offset = static_cast<int>(std::min<int64_t>(*model.steps_offset, 1000));
  const GridFamily family = run.sampler->family;
  if (model.set_alpha_to_one && (family == GridFamily::ddim || family == GridFamily::pndm))
    run.plan.end_without_noise = *model.set_alpha_to_one;
  if (model.timestep_spacing)
    if (const auto spacing = spacing_from(*model.timestep_spacing)) run.plan.spacing = *spacing;
}

void choose_levels(const StableDiffusion& model, Settled& run, const NamedSampler& named_sampler, bool folders_own) {
  TextToImage& request = run.request;
  const Sampler& sampler = *run.sampler;
  run.plan = default_request(sampler, run.recipe, static_cast<int>(*request.steps));
  run.plan.own_sigmas = request.sigmas;
  if (run.recipe == Recipe::diffusers && sampler.preferred_sigmas == SigmaKind::karras && !folders_own)
    run.plan.sigmas = SigmaKind::karras;
  take_folder(model, run);
  if (model.noise.zero_terminal_snr) {
    run.plan.spacing = Spacing::trailing;
    if (!steps_over_time(sampler))
      run.plan.sigmas = run.recipe == Recipe::diffusers ? SigmaKind::grid : SigmaKind::sgm_uniform;
  }
  if (named_sampler.spacing) run.plan.spacing = *named_sampler.spacing, run.plan.sigmas = SigmaKind::grid;
  if (named_sampler.sigmas) run.plan.sigmas = *named_sampler.sigmas;
  if (!request.spacing.empty()) {
    run.plan.spacing = named("spacing", request.spacing, spacing_from, kSpacings);
    run.plan.sigmas = SigmaKind::grid;
  }
  if (!request.scheduler.empty()) {
    run.plan.sigmas = named("scheduler", request.scheduler, sigma_kind_from, scheduler_names());
    run.plan.discard_next_to_last = false;  // levels that are asked for are the ones that are run
  }
  request.spacing = name_of(run.plan.spacing);
  request.scheduler = name_of(run.plan.sigmas);
}

void choose_options(Settled& run, const NamedSampler& named_sampler) {
  TextToImage& request = run.request;
  SamplerOptions& options = run.options;
  options = run.sampler->options(run.recipe);
  if (named_sampler.adjust) {
    named_sampler.adjust(options);
    if (request.solver_type.empty()) request.solver_type = options.bh1 ? "bh1" : "heun";
  }
  if (request.eta) options.eta = *request.eta;
  options.churn = request.s_churn;
  options.churn_from = request.s_tmin;
  options.churn_to = request.s_tmax;
  options.noise_scale = request.s_noise;
  if (request.solver_order > 0) options.order = static_cast<int>(request.solver_order);
  if (request.solver_type.empty()) return;
  require(std::ranges::count(kSolvers, request.solver_type) > 0, ErrorKind::bad_input,
          "solver_type: there is none named '{}'; {}", printable(request.solver_type, 40),
          offered(request.solver_type, kSolvers));
  if (request.solver_type == "heun" || request.solver_type == "midpoint")
    options.solver = request.solver_type == "heun" ? Solver::heun : Solver::midpoint;
  else
    options.bh1 = request.solver_type == "bh1";
}

}  // namespace

std::vector<Field> sampler_fields(TextToImage& request) {
  return {
      {.name = "sampler",
       .options = "--sampler,--sampling-method",
       .help = "how noise levels are stepped through; `calotype samplers` lists them",
       .value = &request.sampler,
       .unset = "the one that a model's folder names, else dpmpp_2m",
       .choices = sampler_ids()},
      {.name = "scheduler",
       .options = "--scheduler",
       .help = "how noise levels are chosen",
       .value = &request.scheduler,
       .unset = "the sampler's, karras for dpmpp_2m; grid for a model with zero terminal SNR",
       .choices = scheduler_names()},
      {.name = "spacing",
       .options = "--spacing",
       .help = "where the scheduler `grid` takes its timesteps; implies it",
       .value = &request.spacing,
       .unset = "the model's folder's, else the sampler's; trailing for a model with zero terminal SNR",
       .choices = kSpacings},
      {.name = "sigmas",
       .options = "--sigmas",
       .help = "the noise levels themselves, falling, with commas between, the last one where it ends (mostly 0)",
       .value = &request.sigmas,
       .low = 0,
       .high = 1e6},
      {.name = "eta",
       .options = "--eta",
       .help = "share of fresh noise in each step",
       .value = &request.eta,
       .low = 0,
       .high = 1,
       .unset = "the sampler's"},
      {.name = "s_churn",
       .options = "--s-churn",
       .help = "euler, heun, dpm_2: noise added before steps, over the whole run; 0 turns it off",
       .value = &request.s_churn,
       .low = 0,
       .high = 1000},
      {.name = "s_tmin",
       .options = "--s-tmin",
       .help = "and only at sigma from this on",
       .value = &request.s_tmin,
       .low = 0,
       .high = 1e6},
      {.name = "s_tmax",
       .options = "--s-tmax",
       .help = "and up to this",
       .value = &request.s_tmax,
       .low = 0,
       .high = 1e6},
      {.name = "s_noise",
       .options = "--s-noise",
       .help = "factor on all fresh noise of a sampler",
       .value = &request.s_noise,
       .low = 0,
       .high = 10},
      {.name = "solver_order",
       .options = "--solver-order",
       .help = "greatest order of a step where a sampler has several: 1 to 3, lms to 4; 0 is the sampler's",
       .value = &request.solver_order,
       .low = 0,
       .high = 4},
      {.name = "solver_type",
       .options = "--solver-type",
       .help = "second order of DPM++, or the weight of unipc",
       .value = &request.solver_type,
       .unset = "the sampler's",
       .choices = kSolvers},
      {.name = "rng",
       .options = "--rng",
       .help = "whose random numbers a seed stands for",
       .value = &request.rng,
       .choices = kSources},
      {.name = "eta_noise_seed_delta",
       .options = "--eta-noise-seed-delta,--ensd",
       .help = "recipe web_ui: added to the seed for all noise but the first",
       .value = &request.eta_noise_seed_delta,
       .low = 0,
       .high = 9007199254740992.0},
      {.name = "recipe",
       .options = "--recipe",
       .help = "whose habits of noise, levels and rounding are followed, to make the same picture",
       .value = &request.recipe,
       .choices = kRecipes},
  };
}

void choose_sampler(const StableDiffusion& model, Settled& run) {
  TextToImage& request = run.request;
  run.recipe = named("recipe", request.recipe, recipe_from, kRecipes);
  run.rng = named("rng", request.rng, noise_source_from, kSources);
  const std::optional<NamedSampler> own = request.sampler.empty() ? of_folder(model) : std::nullopt;
  const NamedSampler sampler = own ? *own : sampler_named(request.sampler.empty() ? "dpmpp_2m" : request.sampler);
  run.sampler = sampler.sampler;
  request.sampler = sampler.sampler->id;
  require(!run.sampler->alone || run.pictures() == 1, ErrorKind::bad_input,
          "batch_size: {} finds its steps for all pictures drawn together, which would change them; draw one at a time",
          run.sampler->id);
  choose_levels(model, run, sampler, own.has_value());
  choose_options(run, sampler);
}

}  // namespace calotype

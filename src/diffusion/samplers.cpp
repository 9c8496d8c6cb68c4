#include "diffusion/samplers.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error.h"

namespace calotype {
namespace {

using enum GridFamily;

const std::vector<Sampler>& table() {
  static const std::vector<Sampler> rows = {
      {.id = "dpmpp_2m",
       .title = "DPM++ 2M",
       .aliases = {"dpmsolvermultistepscheduler", "dpm++2m", "dpm++_2m", "k_dpmpp_2m", "sample_dpmpp_2m"},
       .run = dpmpp_multistep,
       .family = multistep,
       .preferred_sigmas = SigmaKind::karras,
       .order = 2,
       .use = "first choice: fine pictures in 15 to 25 steps",
       .diffusers = {.lower_order_final = true}},
      {.id = "dpmpp_1",
       .title = "DPM++ 1",
       .aliases = {},
       .run = dpmpp_multistep,
       .family = multistep,
       .use = "DDIM over sigma; to compare",
       .diffusers = {.order = 1},
       .web_ui = {.order = 1}},
      {.id = "dpmpp_3m",
       .title = "DPM++ 3M",
       .aliases = {},
       .run = dpmpp_multistep,
       .family = multistep,
       .order = 3,
       .use = "25 steps and more, little guidance",
       .diffusers = {.order = 3, .lower_order_final = true},
       .web_ui = {.order = 3}},
      {.id = "dpmpp_2m_sde",
       .title = "DPM++ 2M SDE",
       .aliases = {"dpm++2m_sde", "dpm++_2m_sde", "dpmpp_2m_sde_gpu", "k_dpmpp_2m_sde", "sample_dpmpp_2m_sde"},
       .run = dpmpp_multistep,
       .family = multistep,
       .preferred_sigmas = SigmaKind::exponential,
       .draws = Draws::every_step,
       .order = 2,
       .use = "detail at 25 steps and more; each number of steps is another picture",
       .diffusers = {.eta = 1, .always_draw = true, .lower_order_final = true},
       .web_ui = {.eta = 1, .brownian = true}},
      {.id = "dpmpp_3m_sde",
       .title = "DPM++ 3M SDE",
       .aliases = {"dpm++3m_sde", "dpm++_3m_sde", "dpmpp_3m_sde_gpu", "k_dpmpp_3m_sde", "sample_dpmpp_3m_sde"},
       .run = dpmpp_multistep,
       .family = multistep,
       .preferred_sigmas = SigmaKind::exponential,
       .draws = Draws::every_step,
       .order = 3,
       .use = "detail at 30 steps and more, little guidance",
       .diffusers = {.eta = 1, .brownian = true, .order = 3, .solver = Solver::heun},
       .web_ui = {.eta = 1, .brownian = true, .order = 3, .solver = Solver::heun},
       .web_discards = true},
      {.id = "dpmpp_sde",
       .title = "DPM++ SDE",
       .aliases = {"dpmsolversdescheduler", "dpm++_sde", "dpm++sde", "dpmpp_sde_gpu", "k_dpmpp_sde",
                   "sample_dpmpp_sde"},
       .run = dpmpp_sde,
       .family = sigma,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::every_step,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "detail in few steps (8 to 15), each of two calls",
       .diffusers = {.eta = 1, .brownian = true},
       .web_ui = {.eta = 1, .brownian = true}},
      {.id = "dpmpp_2s_ancestral",
       .title = "DPM++ 2S a",
       .aliases = {"dpm++2s_a", "dpm++_2s_a", "dpm++ 2s ancestral", "k_dpmpp_2s_a", "k_dpmpp_2s_ancestral",
                   "sample_dpmpp_2s_ancestral"},
       .run = dpmpp_2s_ancestral,
       .family = sigma,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::every_step,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "as Euler a, of second order",
       .diffusers = {.eta = 1},
       .web_ui = {.eta = 1}},
      {.id = "dpmpp_single",
       .title = "DPM++ singlestep",
       .aliases = {"dpmsolversinglestepscheduler", "dpm++ 2s", "dpm++2s", "dpmpp_2s"},
       .run = dpmpp_singlestep,
       .family = multistep,
       .preferred_sigmas = SigmaKind::karras,
       .order = 2,
       .use = "as DPM++ 2M, steadier where steps are large"},
      {.id = "unipc",
       .title = "UniPC",
       .aliases = {"unipcmultistepscheduler", "uni_pc_bh2", "uni-pc", "uni_pc bh2"},
       .run = unipc,
       .family = multistep,
       .order = 2,
       .use = "good pictures in 8 to 15 steps",
       .diffusers = {.lower_order_final = true},
       .web_ui = {.order = 3, .lower_order_final = true, .bh1 = true},
       .comfyui_discards = true},
      {.id = "deis",
       .title = "DEIS",
       .aliases = {"deismultistepscheduler"},
       .run = calotype::deis,
       .family = GridFamily::deis,
       .order = 2,
       .use = "10 to 20 steps",
       .diffusers = {.lower_order_final = true}},
      {.id = "euler",
       .title = "Euler",
       .aliases = {"eulerdiscretescheduler", "k_euler", "sample_euler"},
       .run = euler,
       .family = sigma,
       .draws = Draws::with_churn,
       .use = "plain; for models of one to four steps, with trailing",
       .diffusers = {.late_churn = true},
       .web_ui = {.always_draw = true}},
      {.id = "euler_ancestral",
       .title = "Euler a",
       .aliases = {"eulerancestraldiscretescheduler", "euler_a", "k_euler_a", "k_euler_ancestral", "euler ancestral",
                   "sample_euler_ancestral"},
       .run = euler_ancestral,
       .family = sigma,
       .draws = Draws::every_step,
       .use = "soft, inventive; 20 to 40 steps, each number another picture",
       .diffusers = {.eta = 1, .always_draw = true},
       .web_ui = {.eta = 1}},
      {.id = "heun",
       .title = "Heun",
       .aliases = {"heundiscretescheduler", "k_heun", "sample_heun"},
       .run = heun,
       .family = sigma,
       .draws = Draws::with_churn,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "exact and steady; to compare others with",
       .web_ui = {.always_draw = true}},
      {.id = "restart",
       .title = "Restart",
       .aliases = {},
       .run = calotype::restart,
       .family = GridFamily::restart,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::every_step,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "Heun that goes back up and mends; 20 steps and more"},
      {.id = "dpm_2",
       .title = "DPM2",
       .aliases = {"kdpm2discretescheduler", "kdpm2", "dpm2", "k_dpm_2", "sample_dpm_2"},
       .run = dpm_2,
       .family = halves,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::with_churn,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "as Heun",
       .web_ui = {.always_draw = true},
       .web_discards = true,
       .comfyui_discards = true},
      {.id = "dpm_2_ancestral",
       .title = "DPM2 a",
       .aliases = {"kdpm2ancestraldiscretescheduler", "kdpm2_ancestral", "dpm2_a", "dpm2 ancestral", "k_dpm_2_a",
                   "k_dpm_2_ancestral", "sample_dpm_2_ancestral"},
       .run = dpm_2_ancestral,
       .family = halves,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::every_step,
       .order = 2,
       .calls_per_step = 2,
       .calls_less = 1,
       .use = "as Euler a, of second order",
       .diffusers = {.eta = 1},
       .web_ui = {.eta = 1},
       .web_discards = true,
       .comfyui_discards = true},
      {.id = "lms",
       .title = "LMS",
       .aliases = {"lmsdiscretescheduler", "k_lms", "sample_lms"},
       .run = lms,
       .family = sigma,
       .order = 4,
       .use = "an old default; 50 steps",
       .diffusers = {.order = 4, .late_weights = true},
       .web_ui = {.order = 4}},
      {.id = "ddim",
       .title = "DDIM",
       .aliases = {"ddimscheduler"},
       .run = calotype::ddim,
       .family = GridFamily::ddim,
       .spacing = Spacing::leading,
       .preferred_sigmas = SigmaKind::grid,
       .draws = Draws::with_eta,
       .use = "the original code's; 50 steps, image to image",
       .web_ui = {.always_draw = true},
       .ldm = {.always_draw = true}},
      {.id = "ddpm",
       .title = "DDPM",
       .aliases = {"ddpmscheduler"},
       .run = calotype::ddpm,
       .family = GridFamily::ddpm,
       .spacing = Spacing::leading,
       .draws = Draws::every_step,
       .use = "the process itself; hundreds of steps",
       .diffusers = {.always_draw = true}},
      {.id = "pndm",
       .title = "PNDM",
       .aliases = {"pndmscheduler"},
       .run = plms,
       .family = GridFamily::pndm,
       .spacing = Spacing::leading,
       .preferred_sigmas = SigmaKind::grid,
       .order = 4,
       .calls_less = -1,
       .use = "what the published folders name; 50 steps",
       .diffusers = {.raw_outputs = true},
       .ldm = {.always_draw = true}},
      {.id = "plms",
       .title = "PLMS",
       .aliases = {},
       .run = plms,
       .family = GridFamily::pndm,
       .spacing = Spacing::leading,
       .preferred_sigmas = SigmaKind::grid,
       .order = 4,
       .calls_less = -1,
       .use = "the same, as the original code names it",
       .diffusers = {.raw_outputs = true},
       .ldm = {.always_draw = true}},
      {.id = "pndm_prk",
       .title = "PNDM with Runge-Kutta",
       .aliases = {},
       .run = calotype::pndm_prk,
       .family = GridFamily::ddim,
       .spacing = Spacing::leading,
       .preferred_sigmas = SigmaKind::grid,
       .order = 4,
       .calls_less = -9,
       .use = "PNDM with three careful first steps",
       .diffusers = {.raw_outputs = true}},
      {.id = "dpm_2m",
       .title = "DPM-Solver 2M",
       .aliases = {},
       .run = dpm_multistep,
       .family = multistep,
       .order = 2,
       .use = "without guidance; to compare",
       .diffusers = {.lower_order_final = true},
       .ends_noisy = true},
      {.id = "dpm",
       .title = "DPM-Solver",
       .aliases = {"dpm_solver"},
       .run = dpmpp_multistep,
       .family = continuous,
       .preferred_sigmas = SigmaKind::grid,
       .order = 2,
       .use = "the original code's --dpm; 10 to 20 steps",
       .diffusers = {.lower_order_final = true},
       .web_ui = {.lower_order_final = true},
       .ldm = {.lower_order_final = true}},
      {.id = "dpm_fast",
       .title = "DPM fast",
       .aliases = {"k_dpm_fast", "sample_dpm_fast"},
       .run = calotype::dpm_fast,
       .family = GridFamily::calls,
       .draws = Draws::every_step,
       .order = 3,
       .use = "draws fast, never quite clean; 15 steps and more"},
      {.id = "dpm_adaptive",
       .title = "DPM adaptive",
       .aliases = {"k_dpm_ad", "k_dpm_adaptive", "sample_dpm_adaptive"},
       .run = calotype::dpm_adaptive,
       .family = range,
       .draws = Draws::every_step,
       .order = 3,
       .calls_per_step = 0,
       .use = "finds its steps itself, some 40 to 70 calls",
       .diffusers = {.order = 3},
       .web_ui = {.order = 3},
       .alone = true},
      {.id = "lcm",
       .title = "LCM",
       .aliases = {"lcmscheduler", "sample_lcm"},
       .run = calotype::lcm,
       .family = consistency,
       .preferred_sigmas = SigmaKind::sgm_uniform,
       .draws = Draws::every_step,
       .use = "only for latent consistency models; 2 to 8 steps, guidance 1 to 2",
       .diffusers = {.boundary_scaling = true},
       .ends_clean = true},
      {.id = "tcd",
       .title = "TCD",
       .aliases = {"tcdscheduler"},
       .run = calotype::tcd,
       .family = consistency,
       .preferred_sigmas = SigmaKind::sgm_uniform,
       .draws = Draws::with_eta,
       .use = "only for models distilled for it; 2 to 8 steps, guidance off",
       .diffusers = {.eta = 0.3},
       .web_ui = {.eta = 0.3}},
  };
  return rows;
}

/// Names that stand for a sampler with other options.
struct Variant {
  std::string_view name, id;
  void (*adjust)(SamplerOptions& options);
};
constexpr Variant kVariants[] = {
    {"dpm++ 2m sde heun", "dpmpp_2m_sde", [](SamplerOptions& options) { options.solver = Solver::heun; }},
    {"dpmpp_2m_sde_heun", "dpmpp_2m_sde", [](SamplerOptions& options) { options.solver = Solver::heun; }},
    {"uni_pc", "unipc", [](SamplerOptions& options) { options.bh1 = true; }},
};

/// What other programs have and this one does not.
constexpr std::string_view kNotBuilt[] = {"dpm++2mv2",      "ipndm",      "ipndm_v",        "res_multistep",
                                          "res_2s",         "er_sde",     "euler_cfg_pp",   "euler_a_cfg_pp",
                                          "dpm++2m_sde_bt", "ddim cfg++", "dpm++ 2m sde bt"};

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

NamedSampler find(std::string_view name) {
  for (const Sampler& sampler : table())
    if (name == sampler.id || name == lowered(sampler.title) || std::ranges::count(sampler.aliases, name) > 0)
      return {&sampler, {}, {}};
  for (const Variant& variant : kVariants) {
    if (name != variant.name) continue;
    NamedSampler found = find(variant.id);
    found.adjust = variant.adjust;
    return found;
  }
  return {};
}

}  // namespace

const char* name_of(Draws draws) {
  switch (draws) {
    case Draws::never:
      return "never";
    case Draws::with_eta:
      return "with eta above 0";
    case Draws::with_churn:
      return "with churn";
    case Draws::every_step:
      return "every step";
  }
  return "?";
}

std::span<const Sampler> samplers() {
  return table();
}

SamplerOptions Sampler::options(Recipe recipe) const {
  if (recipe == Recipe::diffusers) return diffusers;
  if (recipe == Recipe::ldm) return ldm;
  SamplerOptions result = web_ui;
  if (recipe == Recipe::comfyui) result.always_draw = false;
  return result;
}

NamedSampler sampler_named(std::string_view name) {
  const std::string lower = lowered(name);
  if (const NamedSampler named = find(lower); named.sampler) return named;
  // The words after a space, or after the last underscore, may name levels or a spacing.
  for (size_t cut = lower.find_first_of(" _"); cut != std::string::npos; cut = lower.find_first_of(" _", cut + 1)) {
    NamedSampler named = find(std::string_view(lower).substr(0, cut));
    const std::string_view rest = std::string_view(lower).substr(cut + 1);
    if (!named.sampler) continue;
    named.spacing = spacing_from(rest);
    if (!named.spacing) named.sigmas = sigma_kind_from(rest);
    if (named.spacing || named.sigmas) return named;
  }
  std::string names;
  for (const Sampler& sampler : table()) names += (names.empty() ? "" : ", ") + std::string(sampler.id);
  require(std::ranges::count(kNotBuilt, lower) == 0, ErrorKind::unsupported,
          "sampler: '{}' of other programs is not built here; there are {}", lower, names);
  fail(ErrorKind::bad_input, "sampler: there is none named '{}'; there are {}", name, names);
}

PlanRequest default_request(const Sampler& sampler, Recipe recipe, int steps) {
  PlanRequest request;
  request.steps = steps;
  request.recipe = recipe;
  request.spacing = sampler.spacing;
  request.sigmas = recipe == Recipe::diffusers ? SigmaKind::grid : sampler.preferred_sigmas;
  request.end_at_lowest_sigma = sampler.ends_noisy;
  request.end_without_noise = sampler.ends_clean;
  request.discard_next_to_last =
      (recipe == Recipe::web_ui && sampler.web_discards) || (recipe == Recipe::comfyui && sampler.comfyui_discards);
  return request;
}

}  // namespace calotype

#include "pipeline/parameters.h"

#include <fmt/format.h>

namespace calotype {
namespace {

/// As the web interface names its schedule types; nothing for a grid, which it calls automatic.
const char* schedule_type(SigmaKind kind) {
  switch (kind) {
    case SigmaKind::grid:
      return "";
    case SigmaKind::uniform:
      return "Uniform";
    case SigmaKind::sgm_uniform:
      return "SGM Uniform";
    case SigmaKind::simple:
      return "Simple";
    case SigmaKind::ddim_uniform:
      return "DDIM";
    case SigmaKind::karras:
      return "Karras";
    case SigmaKind::exponential:
      return "Exponential";
    case SigmaKind::polyexponential:
      return "Polyexponential";
    case SigmaKind::lu:
      return "Lu";
    case SigmaKind::beta:
      return "Beta";
    case SigmaKind::kl_optimal:
      return "KL Optimal";
    case SigmaKind::align_your_steps:
      return "Align Your Steps";
  }
  return "";
}

std::string list_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += fmt::format("{}{:.9g}", text.empty() ? "" : ", ", value);
  return text;
}

}  // namespace

const char* program_version() {
  return "calotype " CALOTYPE_VERSION;
}

Infotext parameters_of(const StableDiffusion& model, const Settled& run, int64_t index) {
  const TextToImage& request = run.request;
  const bool own_sigmas = !request.sigmas.empty(), grid = !own_sigmas && run.plan.sigmas == SigmaKind::grid;
  Infotext info{.prompt = request.prompts[index], .negative = request.negative_prompts[index], .settings = {}};
  const auto add = [&](const char* key, std::string value) { info.settings.emplace_back(key, std::move(value)); };
  add("Steps", fmt::format("{}", own_sigmas ? request.sigmas.size() - 1 : static_cast<size_t>(*request.steps)));
  add("Sampler", run.sampler->title);
  if (!own_sigmas) add("Schedule type", schedule_type(run.plan.sigmas));
  add("CFG scale", fmt::format("{:g}", *request.cfg_scale));
  add("Seed", fmt::format("{}", request.seeds[index]));
  add("Size", fmt::format("{}x{}", request.width, request.height));
  add("Model", model.name);
  if (request.subseed_strength > 0) {
    add("Variation seed", fmt::format("{}", request.subseed + index));
    add("Variation seed strength", fmt::format("{:g}", request.subseed_strength));
  }
  info.settings.insert(info.settings.end(), run.settings.begin(), run.settings.end());
  if (request.clip_skip > 1) add("Clip skip", fmt::format("{}", request.clip_skip));
  if (run.syntax != PromptSyntax::a1111) add("Prompt syntax", request.prompt_syntax);
  if (!request.wildcard_seeds.empty()) {
    add("Template", request.prompt);
    add("Negative Template", request.negative_prompt);
    add("Wildcard seed", fmt::format("{}", request.wildcard_seeds[index]));
  }
  add("RNG", run.rng == NoiseSource::torch_cpu ? "CPU" : run.rng == NoiseSource::torch_cuda ? "NV" : "numpy");
  if (request.eta_noise_seed_delta > 0) add("ENSD", fmt::format("{}", request.eta_noise_seed_delta));
  if (request.s_churn > 0) {
    add("Sigma churn", fmt::format("{:g}", request.s_churn));
    if (request.s_tmin > 0) add("Sigma tmin", fmt::format("{:g}", request.s_tmin));
    if (request.s_tmax < 1e6) add("Sigma tmax", fmt::format("{:g}", request.s_tmax));
  }
  if (request.s_noise != 1) add("Sigma noise", fmt::format("{:g}", request.s_noise));
  if (request.solver_order > 0) add("Solver order", fmt::format("{}", request.solver_order));
  if (!request.solver_type.empty()) add("Solver type", request.solver_type);
  if (request.guidance_rescale > 0) add("Guidance rescale", fmt::format("{:g}", request.guidance_rescale));
  if (grid) add("Spacing", request.spacing);
  if (own_sigmas) add("Sigmas", list_text(request.sigmas));
  if (request.eta) add("Eta", fmt::format("{:g}", *request.eta));
  if (run.cache.interval > 1) add("Cache", fmt::format("deepcache:{}:{}", run.cache.interval, run.cache.branch));
  if (request.token_merging > 0) add("Token merging ratio", fmt::format("{:g}", request.token_merging));
  if (!request.guidance_interval.empty()) add("Guidance interval", list_text(request.guidance_interval));
  add("Prediction", name_of(model.prediction));
  add("Recipe", request.recipe);
  add("Precision", kernels::name_of(model.precision));
  add("Version", program_version());
  return info;
}

}  // namespace calotype

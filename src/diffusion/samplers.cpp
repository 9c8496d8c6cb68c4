#include "diffusion/samplers.h"

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error.h"

namespace calotype {
namespace {

const std::vector<Sampler>& table() {
  static const std::vector<Sampler> rows = {
      {.id = "ddim",
       .title = "DDIM",
       .aliases = {"ddimscheduler"},
       .run = ddim,
       .family = GridFamily::ddim,
       .spacing = Spacing::leading,
       .preferred_sigmas = SigmaKind::grid,
       .draws = Draws::with_eta,
       .order = 1,
       .calls_per_step = 1,
       .calls_less = 0,
       .diffusers = {},
       .web_ui = {.always_draw = true}},
      {.id = "euler",
       .title = "Euler",
       .aliases = {"eulerdiscretescheduler", "k_euler", "sample_euler"},
       .run = euler,
       .family = GridFamily::sigma,
       .spacing = Spacing::linspace,
       .preferred_sigmas = SigmaKind::uniform,
       .draws = Draws::with_churn,
       .order = 1,
       .calls_per_step = 1,
       .calls_less = 0,
       .diffusers = {},
       .web_ui = {.always_draw = true}},
      {.id = "euler_ancestral",
       .title = "Euler a",
       .aliases = {"eulerancestraldiscretescheduler", "euler_a", "k_euler_a", "k_euler_ancestral", "euler ancestral",
                   "sample_euler_ancestral"},
       .run = euler_ancestral,
       .family = GridFamily::sigma,
       .spacing = Spacing::linspace,
       .preferred_sigmas = SigmaKind::uniform,
       .draws = Draws::every_step,
       .order = 1,
       .calls_per_step = 1,
       .calls_less = 0,
       .diffusers = {.eta = 1, .always_draw = true},
       .web_ui = {.eta = 1}},
      {.id = "dpmpp_2m",
       .title = "DPM++ 2M",
       .aliases = {"dpmsolvermultistepscheduler", "dpm++2m", "dpm++_2m", "k_dpmpp_2m", "sample_dpmpp_2m"},
       .run = dpmpp_2m,
       .family = GridFamily::multistep,
       .spacing = Spacing::linspace,
       .preferred_sigmas = SigmaKind::karras,
       .draws = Draws::never,
       .order = 2,
       .calls_per_step = 1,
       .calls_less = 0,
       .diffusers = {.lower_order_final = true},
       .web_ui = {}},
  };
  return rows;
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

const Sampler* find(std::string_view name) {
  for (const Sampler& sampler : table())
    if (name == sampler.id || name == lowered(sampler.title) || std::ranges::count(sampler.aliases, name) > 0)
      return &sampler;
  return nullptr;
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

NamedSampler sampler_named(std::string_view name) {
  const std::string lower = lowered(name);
  if (const Sampler* sampler = find(lower)) return {sampler, {}, {}};
  // The words after a space, or after the last underscore, may name levels or a spacing.
  for (size_t cut = lower.find_first_of(" _"); cut != std::string::npos; cut = lower.find_first_of(" _", cut + 1)) {
    const Sampler* sampler = find(std::string_view(lower).substr(0, cut));
    const std::string_view rest = std::string_view(lower).substr(cut + 1);
    if (!sampler) continue;
    if (const auto spacing = spacing_from(rest)) return {sampler, {}, spacing};
    if (const auto sigmas = sigma_kind_from(rest)) return {sampler, sigmas, {}};
  }
  std::string names;
  for (const Sampler& sampler : table()) names += (names.empty() ? "" : ", ") + std::string(sampler.id);
  fail(ErrorKind::bad_input, "sampler: there is none named '{}'; there are {}", name, names);
}

PlanRequest default_request(const Sampler& sampler, Recipe recipe, int steps) {
  PlanRequest request;
  request.steps = steps;
  request.recipe = recipe;
  request.spacing = sampler.spacing;
  request.sigmas = recipe == Recipe::diffusers ? SigmaKind::grid : sampler.preferred_sigmas;
  return request;
}

}  // namespace calotype

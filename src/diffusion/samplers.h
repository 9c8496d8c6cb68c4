#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "diffusion/sampler.h"

namespace calotype {

/// When a sampler asks for fresh noise.
enum class Draws { never, with_eta, with_churn, every_step };

/// One row of the table of samplers: what listings show, what requests name, what runs.
struct Sampler {
  const char* id;                         ///< ours, and that of the reference data
  const char* title;                      ///< as the web interface shows it
  std::vector<std::string_view> aliases;  ///< lower case: class names and the ids of other programs
  SamplerFunction run;
  GridFamily family;
  Spacing spacing;             ///< what diffusers' class takes when nothing is asked
  SigmaKind preferred_sigmas;  ///< what the web interface takes when nothing is asked
  Draws draws;
  int order;  ///< of convergence, without fresh noise
  int calls_per_step;
  int calls_less;  ///< calls of the network for N steps: calls_per_step * N - calls_less
  /// What the reference programs set where nothing is asked.
  SamplerOptions diffusers, web_ui;

  int calls(int steps) const { return calls_per_step * steps - calls_less; }
  /// Options of a recipe; the original code's are those of the web interface.
  const SamplerOptions& options(Recipe recipe) const { return recipe == Recipe::diffusers ? diffusers : web_ui; }
};

const char* name_of(Draws draws);

/// All samplers, in the order of listings.
std::span<const Sampler> samplers();

/// What a name says: "dpm++ 2m karras" names a sampler and its levels, "ddim_trailing" its spacing.
struct NamedSampler {
  const Sampler* sampler;
  std::optional<SigmaKind> sigmas;
  std::optional<Spacing> spacing;
};

/// By id, title or alias, in any case. Throws `bad_input` with the names that there are.
NamedSampler sampler_named(std::string_view name);

/// What `sampler` does by itself under a recipe: spacing, sigmas and steps_offset are those of its class or of the web
/// interface.
PlanRequest default_request(const Sampler& sampler, Recipe recipe, int steps);

}  // namespace calotype

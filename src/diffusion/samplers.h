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
  Spacing spacing = Spacing::linspace;              ///< what diffusers' class takes when nothing is asked
  SigmaKind preferred_sigmas = SigmaKind::uniform;  ///< what the web interface takes when nothing is asked
  Draws draws = Draws::never;
  int order = 1;           ///< of its steps, without fresh noise; the greatest where there are several
  int calls_per_step = 1;  ///< 0: the sampler itself finds how many calls it needs
  int calls_less = 0;      ///< calls of the network for N steps: calls_per_step * N - calls_less
  const char* use;         ///< what it is good for, in a few words
  /// What the reference programs set where nothing is asked.
  SamplerOptions diffusers = {}, web_ui = {}, ldm = {};
  bool ends_noisy = false;    ///< diffusers' class must end at the lowest sigma, not at 0
  bool ends_clean = false;    ///< a grid over timesteps that ends at the clean latent
  bool web_discards = false;  ///< the web interface leaves out the level before the last
  bool comfyui_discards = false;
  bool alone = false;  ///< pictures drawn together would change each other: give it one at a time

  int calls(int steps) const { return calls_per_step * steps - calls_less; }
  SamplerOptions options(Recipe recipe) const;
};

const char* name_of(Draws draws);

/// All samplers, in the order of listings.
std::span<const Sampler> samplers();

/// What a name says: "dpm++ 2m karras" names a sampler and its levels, "ddim_trailing" its spacing.
struct NamedSampler {
  const Sampler* sampler;
  std::optional<SigmaKind> sigmas;
  std::optional<Spacing> spacing;
  void (*adjust)(SamplerOptions& options) = nullptr;  ///< "dpm++ 2m sde heun" is 2M SDE with another solver
};

/// By id, title or alias, in any case. Throws `bad_input` with the names that there are, `unsupported` for the names of
/// samplers that other programs have and this one does not.
NamedSampler sampler_named(std::string_view name);

/// What `sampler` does by itself under a recipe: spacing, sigmas and steps_offset are those of its class or of the web
/// interface.
PlanRequest default_request(const Sampler& sampler, Recipe recipe, int steps);

}  // namespace calotype

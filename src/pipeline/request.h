#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diffusion/noise.h"
#include "diffusion/samplers.h"
#include "io/image.h"
#include "io/provenance.h"
#include "load/stable_diffusion.h"
#include "pipeline/field.h"
#include "pipeline/memory_plan.h"
#include "pipeline/scene.h"
#include "text/prompt_plan.h"
#include "text/tokenizer.h"

namespace calotype {

/// What is asked for: as many pictures as `batch_count` from one prompt, drawn together.
struct TextToImage {
  std::string prompt = {}, negative_prompt = {};  // UTF-8, both may be empty
  std::string prompt_syntax = "a1111";
  std::string styles = {}, wildcards = {};  // a file and a folder; only commands read them
  std::vector<std::string> style = {};      // names in `styles`, laid on in order
  int64_t wildcard_seed = -1;               // of the first picture; -1: its seed
  int64_t clip_skip = 1;              // as the web interface counts, for both prompts; 1: as the model was trained
  int64_t width = 0, height = 0;      // pixels; 0: the model's native size
  std::optional<int64_t> steps = {};  // nothing: what suits the model, mostly 20
  std::optional<double> cfg_scale =
      {};  // the same, mostly 7.5; at 1 and below there is no guidance (recipes other than diffusers: at 1 alone)
  double guidance_rescale = 0;  // 0: off
  int64_t seed = -1;            // picture i has seed + i and a generator of its own; -1: whoever asks must choose
  int64_t subseed = -1;         // picture i varies towards the noise of subseed + i; -1: whoever asks must choose
  double subseed_strength = 0;  // how far, 0 .. 1; 0: no variation
  int64_t batch_count = 1;
  std::string sampler = {};                  // empty: that of a folder's scheduler, else dpmpp_2m
  std::string scheduler = {}, spacing = {};  // names; empty: what suits model, sampler and recipe
  std::vector<double> sigmas = {};           // instead of both: falling, the end included
  std::optional<double> eta = {};            // the sampler's own where nothing is said
  double s_churn = 0, s_tmin = 0, s_tmax = 1e6, s_noise = 1;
  int64_t solver_order = 0;          // 0: the sampler's
  std::string solver_type = {};      // empty: the sampler's
  std::string rng = "torch-cpu";     // whose random numbers a seed stands for
  int64_t eta_noise_seed_delta = 0;  // recipe web_ui: added to the seed once sampling begins
  std::string recipe = "diffusers";
  std::string preset = {};  // "turbo" or "none"; empty: what the model is

  // Approximations, none by default.
  std::string cache = "off";                   // "deepcache[:N[:BRANCH]]": deep features of every Nth step serve others
  double token_merging = 0;                    // share of tokens that self-attention on the finest level goes without
  std::vector<double> guidance_interval = {};  // sigma, low and high: guidance above the one, up to the other

  // For programs; the command line has no words for them.
  std::vector<std::string> prompts = {}, negative_prompts = {};  // one a picture, instead of the single ones
  std::vector<int64_t> wildcard_seeds = {};      // one a picture, where `prompt` is a template that was written out
  std::vector<uint64_t> seeds = {};              // one a picture, instead of seed + i
  bool one_generator = false;                    // `seed` alone draws the noise of the whole batch
  std::optional<TokenizerRules> tokenizer = {};  // else those of the recipe
  int64_t diffusers_clip_skip = 0;  // blocks left out of the text tower's end besides, for the prompt alone
};

/// All that users may say, bound to the members of `request`.
std::vector<Field> fields(TextToImage& request);

/// Deep features are made at one of `interval` steps, by the blocks beyond `branch`.
struct FeatureCache {
  int64_t interval = 1, branch = 0;
};

/// A request with nothing left open, as a certain model will draw it.
struct Settled {
  TextToImage request;  // names are ours, sizes are set, `prompts`, `negative_prompts` and `seeds` one a picture
  const Sampler* sampler = nullptr;
  Recipe recipe = Recipe::diffusers;
  PlanRequest plan = {};
  SamplerOptions options = {};
  NoiseSource rng = NoiseSource::torch_cpu;
  TokenizerRules tokenizer = TokenizerRules::open_clip;
  bool guided = true;  // is there guidance away from the negative prompt?
  PromptSyntax syntax = PromptSyntax::a1111;
  bool composed = false;    // a prompt has several parts, or one with a weight: they are guided to together
  int64_t most_chunks = 1;  // of 77 tokens, of any prompt
  std::vector<AdapterTag> adapters = {};  // that prompts ask for: whoever draws opens the model with them
  FeatureCache cache = {};
  MemoryPlan memory = {};
  bool encodes = false;         // pictures of the drawing's size go through the encoder first
  bool predicts_depth = false;  // and a picture through the model's depth network

  // What other pipelines than text to image set.
  Prepare prepare = {};                                            // empty: noise alone
  std::function<Image(Image decoded, int64_t index)> finish = {};  // what is done to a decoded picture; empty: nothing
  SourceType source = SourceType::trained_algorithmic_media;       // what the picture is to those who see it
  std::vector<std::string> remarks = {};  // what the user should know of how this was settled, a line each
  std::vector<std::pair<std::string, std::string>> settings = {};  // more of what is written into pictures

  int64_t pictures() const { return request.batch_count; }
};

/// Whose tokenizer a recipe takes.
TokenizerRules rules_of(Recipe recipe, const TextConfig& text);

/// Fills in what was left open and checks every field. Throws `bad_input` naming field, value and what is allowed,
/// `unsupported` for a model that draws from more than text.
///
/// What suits: a folder's own scheduler with its settings; else DPM++ 2M with Karras levels. Samplers that the web
/// interface gives Karras levels take them, the others their class' own grid (recipe web_ui: what the web interface
/// takes). A folder's spacing, offset and end are kept by samplers of diffusers. A model trained to zero signal at its
/// last step (v, zero terminal SNR) must be called there and gains nothing between sigma 13 and its last level of 4096,
/// where Karras would spend 13 of 20 steps: it takes the trailing grid, or sgm_uniform, its equal in the web interface
/// (Lin et al. 2023, section 3.3).
Settled settle(const StableDiffusion& model, const TextToImage& asked);

/// The same for other pipelines, which have asked for the kind of model they need.
Settled settle_text(const StableDiffusion& model, const TextToImage& asked);

/// [B, h, w, C] of the latents that are drawn.
Shape latent_shape(const StableDiffusion& model, const Settled& run);

/// The noise levels that the model was trained on. Throws `unsupported` for a schedule of an unknown name.
NoiseSchedule schedule_of(const NoiseProcess& noise);

}  // namespace calotype

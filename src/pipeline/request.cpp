#include "pipeline/request.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "io/printable.h"
#include "pipeline/conditioning.h"
#include "pipeline/model_kind.h"
#include "pipeline/names.h"
#include "pipeline/preset.h"
#include "pipeline/sampler_choice.h"

namespace calotype {
namespace {

constexpr size_t kMostPromptBytes = 1 << 20;

void check_side(const char* field, int64_t value, int64_t unit) {
  if (value % unit == 0) return;
  const int64_t below = value / unit * unit;
  fail(ErrorKind::bad_input, "{}: {} is not a multiple of {}; the nearest {} {}", field, value, unit,
       below > 0 ? "are" : "is",
       below > 0 ? fmt::format("{} and {}", below, below + unit) : fmt::format("{}", below + unit));
}

/// One text a picture: the list that was given, or the single text for all.
void spread(const char* field, std::vector<std::string>& texts, const std::string& single, int64_t pictures) {
  if (texts.empty()) texts.assign(pictures, single);
  require(static_cast<int64_t>(texts.size()) == pictures, ErrorKind::bad_input,
          "{}: {} of them for {} pictures; give one for each", field, texts.size(), pictures);
  for (const std::string& text : texts)
    require(text.size() <= kMostPromptBytes, ErrorKind::bad_input,
            "{}: {} bytes of text; at most {} are read, and 75 tokens count", field, text.size(), kMostPromptBytes);
}

void settle_seeds(TextToImage& request) {
  require(request.seed >= 0 || !request.seeds.empty(), ErrorKind::bad_input,
          "seed: {} stands for a random one, which must be chosen before", request.seed);
  require(!request.one_generator || request.seeds.empty(), ErrorKind::bad_input,
          "seeds: one generator for the whole batch takes a single seed, not a list");
  if (request.seeds.empty())
    for (int64_t i = 0; i < request.batch_count; ++i) request.seeds.push_back(static_cast<uint64_t>(request.seed) + i);
  require(static_cast<int64_t>(request.seeds.size()) == request.batch_count, ErrorKind::bad_input,
          "seeds: {} of them for {} pictures; give one for each", request.seeds.size(), request.batch_count);
}

void settle_variation(const TextToImage& request) {
  require(request.subseed_strength == 0 || request.subseed >= 0, ErrorKind::bad_input,
          "subseed: {} stands for a random one, which must be chosen before", request.subseed);
}

void settle_clip_skip(const TextConfig& text, const TextToImage& request) {
  int64_t most = 1;
  while (text_layers(text, most + 1) > 0) ++most;
  require(request.clip_skip >= 1 && request.clip_skip <= most, ErrorKind::bad_input,
          "clip_skip: {} is not in 1 .. {}, which leaves one block of the text tower", request.clip_skip, most);
  const int64_t blocks = text_layers(text, request.clip_skip);
  require(request.diffusers_clip_skip >= 0 && request.diffusers_clip_skip < blocks, ErrorKind::bad_input,
          "clip_skip: {} of {} blocks; leave at least one", request.diffusers_clip_skip, blocks);
}

/// Reads all prompts once, so that what is wrong with them shows before anything is drawn.
void settle_prompts(const StableDiffusion& model, Settled& run) {
  const auto syntax = prompt_syntax_from(run.request.prompt_syntax);
  require(syntax.has_value(), ErrorKind::bad_input, "prompt_syntax: there is none named '{}'; {}",
          printable(run.request.prompt_syntax, 40), offered(run.request.prompt_syntax, prompt_syntaxes()));
  run.syntax = *syntax;
  run.request.prompt_syntax = name_of(run.syntax);
  const Tokenizer& tokenizer = Tokenizer::clip(run.tokenizer);
  const InversionNames names = names_of(model.inversions, tokenizer);
  std::set<std::string> read;
  const auto take = [&](const std::vector<std::string>& prompts, PromptRole role) {
    for (const std::string& prompt : prompts) {
      if (!read.insert(prompt).second) continue;
      const PromptPlan plan = plan_prompt(prompt, run.syntax, role, *run.request.steps);
      run.composed = run.composed || plan.composed();
      for (const AdapterTag& tag : plan.adapters)
        if (std::ranges::find(run.adapters, tag) == run.adapters.end()) run.adapters.push_back(tag);
      for (const PromptPlan::Part& part : plan.parts)
        for (const ScheduledText& text : part.texts) {
          if (!read.insert("\n" + text.text).second) continue;
          const ChunkedPrompt chunked = encode_text(text.text, run.syntax, tokenizer, names);
          require_fitting(chunked, model.inversions);
          run.most_chunks = std::max(run.most_chunks, static_cast<int64_t>(chunked.chunks.size()));
        }
    }
  };
  take(run.request.prompts, PromptRole::wanted);
  read.clear();
  take(run.request.negative_prompts, PromptRole::unwanted);
}

/// "off" or "deepcache[:N[:BRANCH]]".
FeatureCache cache_of(const std::string& text, const UNetConfig& unet) {
  if (text == "off" || text.empty()) return {};
  FeatureCache cache{.interval = 3};
  std::vector<std::string> words{""};
  for (const char c : text)
    if (c == ':')
      words.emplace_back();
    else
      words.back().push_back(c);
  const auto number = [&](size_t word, int64_t& value, int64_t low, int64_t high) {
    if (words.size() <= word) return;
    set({.name = "cache",
         .options = "",
         .help = "",
         .value = &value,
         .low = static_cast<double>(low),
         .high = static_cast<double>(high)},
        words[word]);
  };
  require(words[0] == "deepcache" && words.size() <= 3, ErrorKind::bad_input,
          "cache: '{}' is neither off nor deepcache[:N[:BRANCH]]", printable(text, 40));
  number(1, cache.interval, 1, 1000);
  number(2, cache.branch, 0, unet.blocks() - 2);
  return cache;
}

}  // namespace

std::vector<Field> fields(TextToImage& request) {
  const double most_side = 16384, most_seed = 9223372036854774784.0;
  std::vector<Field> table = {
      {.name = "prompt", .options = "-p,--prompt", .help = "what to draw", .value = &request.prompt},
      {.name = "negative_prompt",
       .options = "-n,--negative-prompt",
       .help = "what guidance leads away from",
       .value = &request.negative_prompt},
      {.name = "prompt_syntax",
       .options = "--prompt-syntax",
       .help = "how brackets and other signs in prompts are read; none: as they stand, 75 tokens at most",
       .value = &request.prompt_syntax,
       .choices = prompt_syntaxes()},
      {.name = "styles", .options = "--styles", .help = "a styles.csv of the web UI", .value = &request.styles},
      {.name = "style",
       .options = "--style",
       .help = "the name of a style in it, laid on the prompts; may be given again",
       .value = &request.style},
      {.name = "wildcards",
       .options = "--wildcards",
       .help = "a folder of NAME.txt: __NAME__ becomes one of its lines, {a|b} one of the choices",
       .value = &request.wildcards},
      {.name = "wildcard_seed",
       .options = "--wildcard-seed",
       .help = "what is chosen; picture i has this seed + i; -1 is the picture's seed",
       .value = &request.wildcard_seed,
       .low = -1,
       .high = most_seed},
      {.name = "clip_skip",
       .options = "--clip-skip",
       .help = "where the text tower is left, from its end, as the web UI counts; 1 is as the model was trained",
       .value = &request.clip_skip,
       .low = 1,
       .high = 100},
      {.name = "width",
       .options = "-W,--width",
       .help = "pixels, a multiple of 8",
       .value = &request.width,
       .low = 8,
       .high = most_side,
       .unset = "the model's native size"},
      {.name = "height",
       .options = "-H,--height",
       .help = "pixels, a multiple of 8",
       .value = &request.height,
       .low = 8,
       .high = most_side,
       .unset = "the model's native size"},
      {.name = "steps",
       .options = "--steps",
       .help = "denoising steps; more is finer and slower",
       .value = &request.steps,
       .low = 1,
       .high = 1000,
       .unset = "20; 1 for a turbo model"},
      {.name = "cfg_scale",
       .options = "--cfg-scale,--scale,--guidance-scale",
       .help = "guidance: how strictly the prompt is followed; 1 turns it off",
       .value = &request.cfg_scale,
       .low = 0,
       .high = 100,
       .unset = "7.5; 1 for a turbo model"},
      {.name = "guidance_rescale",
       .options = "--guidance-rescale",
       .help = "0 .. 1: pulls contrast back that guidance drives up; 0 turns it off",
       .value = &request.guidance_rescale,
       .low = 0,
       .high = 1},
      {.name = "seed",
       .options = "-s,--seed",
       .help = "of the first picture; picture i has seed + i; -1 is random",
       .value = &request.seed,
       .low = -1,
       .high = most_seed},
      {.name = "subseed",
       .options = "--subseed",
       .help = "whose noise a variation goes towards; picture i has this + i; -1 is random",
       .value = &request.subseed,
       .low = -1,
       .high = most_seed},
      {.name = "subseed_strength",
       .options = "--subseed-strength",
       .help = "0 .. 1: how far the first noise goes towards that of the subseed: the same picture, varied",
       .value = &request.subseed_strength,
       .low = 0,
       .high = 1},
      {.name = "batch_count",
       .options = "-b,--batch-count",
       .help = "pictures of each prompt",
       .value = &request.batch_count,
       .low = 1,
       .high = 10000},
      {.name = "preset",
       .options = "--preset",
       .help = "turbo: one step of euler on trailing levels without guidance, where nothing else is said",
       .value = &request.preset,
       .unset = "turbo for a turbo model, else none",
       .choices = {"turbo", "none"}},
      {.name = "cache",
       .options = "--cache",
       .help =
           "deepcache[:N[:BRANCH]] reuses deep features of every Nth step (3): about twice as fast, another picture",
       .value = &request.cache},
      {.name = "token_merging",
       .options = "--token-merging",
       .help = "share of tokens merged in the finest self-attention; 0.5 is a good one: faster, another picture",
       .value = &request.token_merging,
       .low = 0,
       .high = 0.75},
      {.name = "guidance_interval",
       .options = "--guidance-interval",
       .help = "LOW,HIGH: guidance only at noise levels (sigma) between; the others cost half; another picture",
       .value = &request.guidance_interval,
       .low = 0,
       .high = 1e6},
  };
  for (Field& field : sampler_fields(request)) table.push_back(std::move(field));
  return table;
}

Settled settle(const StableDiffusion& model, const TextToImage& asked) {
  require_kind(model, "txt2img", {ModelKind::plain});
  return settle_text(model, asked);
}

Settled settle_text(const StableDiffusion& model, const TextToImage& asked) {
  Settled run{.request = asked};
  TextToImage& request = run.request;
  apply_preset(request, model);
  if (request.width == 0) request.width = model.native_size();
  if (request.height == 0) request.height = model.native_size();
  for (const Field& field : fields(request)) check_range(field);
  check_side("width", request.width, model.vae->config.downscale());
  check_side("height", request.height, model.vae->config.downscale());
  spread("prompt", request.prompts, request.prompt, request.batch_count);
  spread("negative_prompt", request.negative_prompts, request.negative_prompt, request.batch_count);
  settle_seeds(request);
  settle_variation(request);
  settle_clip_skip(model.text->config, request);

  choose_sampler(model, run);
  run.tokenizer = request.tokenizer.value_or(rules_of(run.recipe, model.text->config));
  settle_prompts(model, run);
  run.guided = *request.cfg_scale > 1 || (request.cfg_scale != 1 && run.recipe != Recipe::diffusers);
  run.cache = cache_of(request.cache, model.unet->config);
  require(request.guidance_interval.empty() || request.guidance_interval.size() == 2, ErrorKind::bad_input,
          "guidance_interval: LOW,HIGH was expected, {} numbers are given", request.guidance_interval.size());
  return run;
}

Shape latent_shape(const StableDiffusion& model, const Settled& run) {
  const int64_t cell = model.vae->config.downscale();
  return {run.pictures(), run.request.height / cell, run.request.width / cell, model.vae->config.embed_dim};
}

TokenizerRules rules_of(Recipe recipe, const TextConfig& text) {
  const bool sd1 = text.padding_id != 0;
  if (recipe == Recipe::diffusers) return sd1 ? TokenizerRules::hugging_face_sd1 : TokenizerRules::hugging_face_sd2;
  return sd1 ? TokenizerRules::hugging_face_sd1_ftfy : TokenizerRules::open_clip;
}

NoiseSchedule schedule_of(const NoiseProcess& noise) {
  BetaKind kind{};
  if (noise.beta_schedule == "scaled_linear") {
    kind = BetaKind::scaled_linear;
  } else if (noise.beta_schedule == "linear") {
    kind = BetaKind::linear;
  } else if (noise.beta_schedule == "squaredcos_cap_v2") {
    kind = BetaKind::squared_cosine;
  } else {
    fail(ErrorKind::unsupported, "beta_schedule: '{}' is none of scaled_linear, linear, squaredcos_cap_v2",
         printable(noise.beta_schedule));
  }
  const std::vector<double> raw = betas(kind, noise.beta_start, noise.beta_end, static_cast<int>(noise.train_steps));
  return NoiseSchedule(noise.zero_terminal_snr ? zero_terminal_snr(raw) : raw);
}

}  // namespace calotype

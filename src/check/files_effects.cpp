#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "base/error.h"
#include "check/configurations.h"
#include "check/distance.h"
#include "check/files_case.h"
#include "diffusion/guidance.h"
#include "diffusion/plan.h"
#include "diffusion/prediction.h"
#include "diffusion/samplers.h"
#include "load/stable_diffusion.h"
#include "ops/arithmetic.h"
#include "ops/structure.h"
#include "pipeline/request.h"
#include "tensor/history.h"

namespace calotype::checker {
namespace {

constexpr double kNetworks = 1e-5, kText = 5e-6;  // relative L2; greatest difference ten times that, beside the RMS

void compare_output(const std::string& name, const Tensor& got, double tolerance, const ReferenceTensors& effects,
                    Findings& findings) {
  const std::vector<double> values = reference_values(got), want = effects.values(name);
  findings.measure(name, relative_l2(values, want), tolerance);
  findings.measure(name + ": greatest", greatest_beside_rms(values, want), 10 * tolerance);
}

/// The parts of a file or folder as drawing builds them, with sizes from `sizes` where the file is alone.
class Networks {
 public:
  Networks(const std::filesystem::path& path, const json& sizes) : files_(path) {
    Recognised found = files_.found();
    const bool alone = !std::filesystem::is_directory(path);
    if (found.unet) {
      UNetConfig& config = found.unet->config;
      if (alone && sizes.contains("unet")) {
        const UNetConfig said = unet_config(sizes["unet"]);
        config.groups = said.groups;
        config.num_heads = said.num_heads;
        config.num_head_channels = said.num_head_channels;
      }
      FileSource source = source_of(PartKind::unet, *found.unet, unet_keys(config));
      unet_.emplace(Params(source), config);
      source.check_complete(path.string(), "UNet");
    }
    if (found.vae) {
      VaeConfig& config = found.vae->config;
      if (alone && sizes.contains("vae")) config.groups = vae_config(sizes["vae"]).groups;
      FileSource source = source_of(PartKind::vae, *found.vae, vae_keys(config));
      vae_.emplace(Params(source), config);
      source.check_complete(path.string(), "autoencoder");
    }
    if (found.text) {
      TextConfig& config = found.text->config;
      if (alone && sizes.contains("text")) {
        const TextConfig said = open_clip_config(sizes["text"], "");
        config.heads = said.heads;
        config.activation = said.activation;
        config.used_layers = std::min(config.layers, std::max<int64_t>(1, said.layers - 1));
      }
      FileSource source = source_of(PartKind::text, *found.text, text_keys(config, found.text->inner));
      text_.emplace(Params(source), config);
      source.check_complete(path.string(), "text tower");
    }
  }

  const std::optional<UNet>& unet() const { return unet_; }
  const std::optional<Vae>& vae() const { return vae_; }
  const std::optional<TextEncoder>& text() const { return text_; }

 private:
  template <class Part>
  FileSource source_of(PartKind kind, const Part& part, KeyMap keys) {
    return FileSource(files_.files_of(kind), std::move(keys), part.layout, part.prefix,
                      files_.averaged() ? Averages::yes : Averages::no);
  }

  ModelFiles files_;
  std::optional<UNet> unet_;
  std::optional<Vae> vae_;
  std::optional<TextEncoder> text_;
};

std::vector<int32_t> ids_of(const ReferenceTensors& effects, const char* name) {
  return effects.integers(name);
}

/// The ids of a text by a folder's own vocabulary, which may be a shorter one: pairs merge in the order of its list.
std::vector<int32_t> ids_by_folder(const std::filesystem::path& tokenizer, const std::string& text, int64_t length) {
  const json vocabulary = read_json(tokenizer / "vocab.json");
  std::map<std::pair<std::string, std::string>, int> ranks;
  std::ifstream merges(tokenizer / "merges.txt");
  std::string line;
  for (int rank = 0; std::getline(merges, line); ++rank) {
    std::istringstream pair(line);
    std::string left, right;
    if (line.starts_with("#version") || !(pair >> left >> right)) continue;
    ranks[{left, right}] = rank;
  }
  std::vector<int32_t> ids{vocabulary.at("<|startoftext|>").get<int32_t>()};
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::vector<std::string> symbols;
    for (const char c : word) {
      if (c < 'a' || c > 'z') throw Skipped{"the prompt has more than small letters"};
      symbols.emplace_back(1, c);
    }
    symbols.back() += "</w>";
    while (symbols.size() > 1) {
      size_t best = 0;
      int rank = INT32_MAX;
      for (size_t i = 0; i + 1 < symbols.size(); ++i)
        if (const auto at = ranks.find({symbols[i], symbols[i + 1]}); at != ranks.end() && at->second < rank)
          best = i, rank = at->second;
      if (rank == INT32_MAX) break;
      symbols[best] += symbols[best + 1];
      symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
    for (const std::string& symbol : symbols) ids.push_back(vocabulary.at(symbol).get<int32_t>());
  }
  ids.push_back(vocabulary.at("<|endoftext|>").get<int32_t>());
  return ids.resize(static_cast<size_t>(length), 0), ids;
}

void compare_pipeline(const FilesContext& context, const json& row, Findings& findings) {
  const NoGrad inference;
  const ReferenceTensors effects(context.folder / "effects.safetensors");
  const std::filesystem::path folder = context.folder / word(row, "folder");
  const StableDiffusion model = open_stable_diffusion(folder);
  const ModelSettings settings = settings_from_folder(folder);
  require(settings.scheduler.value_or("") == "DDIMScheduler", ErrorKind::unsupported, "{}: DDIM is expected",
          folder.string());

  const int64_t length = model.text->config.context_length;
  const std::vector<int32_t> wanted = ids_by_folder(folder / "tokenizer", word(row, "prompt"), length);
  const std::vector<int32_t> stored = ids_of(effects, "pipeline.ids");
  findings.equal("ids of the prompt", wanted, stored);
  const Tensor contexts = stack_pictures(std::vector<Tensor>{
      (*model.text)(ids_by_folder(folder / "tokenizer", word(row, "negative_prompt"), length)), (*model.text)(wanted)});
  const double guidance = optional_number(row, "guidance_scale").value_or(7.5);
  const Network network = [&](const Tensor& x, double time) {
    const Tensor out = (*model.unet)({.x = x, .times = {time}, .context = contexts});
    return guided(out.rows(0, 1), out.rows(1, 1), guidance);
  };
  const Sampler& sampler = *sampler_named("ddim").sampler;
  PlanRequest request = default_request(sampler, Recipe::diffusers,
                                        static_cast<int>(optional_number(row, "num_inference_steps").value_or(50)));
  request.spacing = spacing_from(settings.timestep_spacing.value_or("leading")).value();
  request.steps_offset = static_cast<int>(settings.steps_offset.value_or(0));
  request.end_without_noise = settings.set_alpha_to_one.value_or(true);
  const Plan plan = make_plan(schedule_of(model.noise), sampler.family, request);
  SamplerOptions options = sampler.diffusers;
  options.eta = optional_number(row, "eta").value_or(0);
  const Sampling sampling{.plan = plan,
                          .denoise = denoiser(network, model.prediction),
                          .draw = {},
                          .options = options,
                          .on_step = {},
                          .after_step = {}};
  const Tensor result =
      sampler.run(sampling, first_state(plan, maps_from_reference(effects.tensor("pipeline.latents"))));
  compare_output("pipeline.result", result, kNetworks, effects, findings);
  const Tensor image = model.vae->decode(result * (1 / model.vae->config.scale_factor));
  const std::vector<double> want = effects.values("pipeline.image");
  double greatest = 0;
  const auto got = image.view<float>();
  findings.exact("number of values", got.size() == want.size() ? 0 : 1);
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i)
    greatest = std::max(greatest, std::abs(std::clamp(got[i] / 2.0 + 0.5, 0.0, 1.0) - want[i]));
  findings.measure("pipeline.image", greatest, 2e-5);
}

}  // namespace

void compare_effects(const std::filesystem::path& path, const std::string& name, const json& sizes,
                     const ReferenceTensors& effects, Findings& findings) {
  const NoGrad inference;
  const Networks networks(path, sizes);
  if (networks.unet() && effects.has(name + ".unet")) {
    const std::vector<double> times = effects.values("unet.time");
    const Tensor out = (*networks.unet())({.x = maps_from_reference(effects.tensor("unet.latent")),
                                           .times = times,
                                           .context = effects.tensor("unet.context")});
    compare_output(name + ".unet", out, kNetworks, effects, findings);
  }
  if (networks.text() && effects.has(name + ".text"))
    compare_output(name + ".text", (*networks.text())(ids_of(effects, "text.ids")), kText, effects, findings);
  if (!networks.vae()) return;
  if (effects.has(name + ".vae.moments")) {
    const Posterior posterior = networks.vae()->encode(maps_from_reference(effects.tensor("vae.image")));
    compare_output(name + ".vae.moments", concat_channels(posterior.mean, posterior.log_variance), kNetworks, effects,
                   findings);
  }
  if (effects.has(name + ".vae.decoded"))
    compare_output(name + ".vae.decoded", networks.vae()->decode(maps_from_reference(effects.tensor("vae.latent"))),
                   kNetworks, effects, findings);
}

void check_folder_pipeline(const FilesContext& context, Report& report) {
  json rows = context.index.value("pipeline", json::array());
  if (rows.is_object()) rows = json::array({rows});
  for (const json& row : rows)
    report.run(
        "pipeline of " + word(row, "folder"), [&](Findings& findings) { compare_pipeline(context, row, findings); },
        "pipeline");
}

}  // namespace calotype::checker

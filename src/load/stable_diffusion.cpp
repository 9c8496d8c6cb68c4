#include "load/stable_diffusion.h"

#include "io/folder.h"
#include "load/file_source.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

/// A file, or a folder's component: its tensors, and what they and the words beside them say.
struct Opened {
  WeightFiles files;
  Recognised found;
  std::string where;
};

Opened open_file(const fs::path& path, const std::vector<ModelSettings>& more) {
  Safetensors file(path);
  const auto metadata = file.metadata();
  Opened opened{WeightFiles({std::move(file)}), {}, path.string()};
  opened.found = recognise(opened.files.tensors(), opened.where);
  apply(settings_from_metadata(metadata, opened.where), opened.found);
  for (const ModelSettings& settings : more) apply(settings, opened.found);
  require_complete(opened.found, opened.where);
  return opened;
}

Opened open_single(const fs::path& path) {
  const auto beside = settings_beside(path);
  return open_file(path, beside ? std::vector<ModelSettings>{*beside} : std::vector<ModelSettings>{});
}

/// Passes weights on and notes where they lie.
class NotingSource : public ParamSource {
 public:
  NotingSource(ParamSource& inner, MappedWeights& weights) : inner_(inner), weights_(weights) {}
  Tensor get(const std::string& path, const Shape& shape, Init init) override {
    const Tensor weight = inner_.get(path, shape, init);
    weights_.add(weight);
    return weight;
  }
  std::optional<LowRank> low_rank(const std::string& path, const Shape& shape) override {
    return inner_.low_rank(path, shape);
  }

 private:
  ParamSource& inner_;
  MappedWeights& weights_;
};

template <class Network>
struct Built {
  std::unique_ptr<Network> network;
  MappedWeights weights;
};

template <class Network, class Part, class Keys>
Built<Network> build(const Opened& opened, const std::optional<Part>& part, const Keys& keys, const char* name,
                     Precision precision, const Adaptation& adaptation = {}) {
  require(part.has_value(), ErrorKind::bad_file, "{}: it has no {}", opened.where, name);
  FileSource source(opened.files, keys, part->layout, part->prefix);
  Built<Network> built;
  NotingSource noting(source, built.weights);
  AdaptedSource adapted(noting, adaptation);
  built.network = std::make_unique<Network>(Params(adapted, precision), part->config);
  source.check_complete(opened.where, name);
  return built;
}

Built<UNet> build_unet(const Opened& opened, Precision precision, const Adaptation& adaptation) {
  const auto& part = opened.found.unet;
  return build<UNet>(opened, part, unet_keys(part ? part->config : UNetConfig{}), "UNet", precision, adaptation);
}

Built<Vae> build_vae(const Opened& opened, Precision precision) {
  const auto& part = opened.found.vae;
  return build<Vae>(opened, part, vae_keys(part ? part->config : VaeConfig{}), "autoencoder", precision);
}

KeyMap text_keys_of(const std::optional<FoundPart<TextConfig>>& part) {
  return part ? text_keys(part->config, part->inner) : text_keys({});
}

Built<TextEncoder> build_text(const Opened& opened, Precision precision, const Adaptation& adaptation) {
  const auto& part = opened.found.text;
  return build<TextEncoder>(opened, part, text_keys_of(part), "text tower", precision, adaptation);
}

/// The adapters that were asked for, fitted to a UNet and a text tower; what is not there they do not change.
Adapters fitted(const OpenOptions& options, const Opened& unet, const Opened& text) {
  if (options.adapters.empty()) return {};
  const auto& unet_part = unet.found.unet;
  const auto& text_part = text.found.text;
  return Adapters(options.adapters,
                  unet_part ? adapted_network<UNet>(unet_part->config, unet_keys(unet_part->config))
                            : AdaptedNetwork{KeyMap({}), {}},
                  text_part ? adapted_network<TextEncoder>(text_part->config, text_keys_of(text_part))
                            : AdaptedNetwork{KeyMap({}), {}});
}

/// What a v model answers to a grey picture at full noise is far below it; an epsilon model gives it back.
Prediction probe(const UNet& unet) {
  const NoGrad inference;
  const UNetConfig& config = unet.config;
  const Tensor x = Tensor::full({1, 8, 8, config.in_channels}, 0.5);
  const Tensor context = Tensor::full({1, 2, config.context_dim}, 0.5);
  const Tensor out = unet({.x = x, .times = {999}, .context = context});
  return (mean(out).item() - 0.5) < -1 ? Prediction::v_prediction : Prediction::epsilon;
}

void set_prediction(StableDiffusion& model, const Opened& opened, const std::vector<ModelSettings>& settings,
                    const OpenOptions& options) {
  const auto know = [&](Prediction prediction, std::string source) {
    model.prediction = prediction;
    model.prediction_source = std::move(source);
  };
  if (options.prediction) return know(*options.prediction, "asked for");
  for (auto said = settings.rbegin(); said != settings.rend(); ++said)
    if (said->prediction) return know(*said->prediction, said->source);
  if (const auto prediction = prediction_of(opened.found.family)) return know(*prediction, "the kind of model");
  if (opened.found.family == Family::sd2)
    if (const auto prediction = prediction_by_statistic(opened.files.tensors(), *opened.found.unet))
      return know(*prediction, "a statistic of its weights; --prediction overrules it");
  know(probe(*model.unet), "a probe of the network; --prediction overrules it");
}

void take_settings(StableDiffusion& model, const std::vector<ModelSettings>& all) {
  for (const ModelSettings& said : all) {
    if (said.beta_schedule) model.noise.beta_schedule = *said.beta_schedule;
    if (said.beta_start) model.noise.beta_start = *said.beta_start;
    if (said.beta_end) model.noise.beta_end = *said.beta_end;
    if (said.train_steps) model.noise.train_steps = *said.train_steps;
    if (said.zero_terminal_snr) model.noise.zero_terminal_snr = *said.zero_terminal_snr;
    if (said.timestep_spacing) model.timestep_spacing = said.timestep_spacing;
    if (said.latent_size) model.latent_size = *said.latent_size;
  }
}

int64_t usual_latent_size(const StableDiffusion& model) {
  const bool large = model.family == Family::unclip_h || model.family == Family::unclip_l ||
                     (model.family == Family::sd2 && model.prediction == Prediction::v_prediction);
  return model.family == Family::x4_upscaler ? 128 : large ? 96 : 64;
}

void finish(StableDiffusion& model, const Opened& unet, const std::vector<ModelSettings>& settings,
            const OpenOptions& options) {
  model.family = unet.found.family;
  model.precision = kernels::in_use(options.precision);
  if (model.family == Family::x4_upscaler) model.noise.beta_start = 0.0001, model.noise.beta_end = 0.02;
  set_prediction(model, unet, settings, options);
  model.latent_size = usual_latent_size(model);
  take_settings(model, settings);
  require(model.unet->config.context_dim == model.text->config.width, ErrorKind::bad_file,
          "{}: the UNet reads a context of width {}, the text tower gives {}", unet.where,
          model.unet->config.context_dim, model.text->config.width);
}

template <class Network>
void take(Built<Network> built, std::unique_ptr<Network>& network, MappedWeights& weights) {
  network = std::move(built.network);
  weights = std::move(built.weights);
}

/// A part that may lie in a file of its own: named by the user, by the yaml, or the same file.
fs::path part_path(const fs::path& main, const std::optional<std::string>& named) {
  return named ? (main.parent_path() / *named).lexically_normal() : main;
}

[[noreturn]] void no_model(const Opened& opened) {
  const Recognised& found = opened.found;
  const char* what = found.lora          ? "a LoRA: it changes a model and is none"
                     : found.embedding   ? "an embedding: it is a word for a model, and no model"
                     : found.control_net ? "a ControlNet"
                     : found.vae         ? "an autoencoder alone"
                     : found.text        ? "a text tower alone"
                                         : "nothing that is known here";
  fail(ErrorKind::bad_file, "{}: a model with a UNet was expected, this is {}", opened.where, what);
}

StableDiffusion open_single_model(const fs::path& path, const OpenOptions& options) {
  const Opened main = open_single(path);
  if (!main.found.unet) no_model(main);
  std::vector<ModelSettings> settings{settings_from_metadata(main.files.files()[0].metadata(), main.where)};
  if (auto beside = settings_beside(path)) settings.push_back(std::move(*beside));

  StableDiffusion model;
  model.name = path.stem().string();
  const fs::path text_path = part_path(path, settings.back().text_path);
  const std::optional<Opened> apart = text_path == path ? std::nullopt : std::optional(open_single(text_path));
  const Opened& text = apart ? *apart : main;
  const Adapters adapters = fitted(options, main, text);
  model.adapters = adapters.reports();
  take(build_unet(main, options.precision, adapters.unet()), model.unet, model.unet_weights);
  take(build_text(text, options.precision, adapters.text()), model.text, model.text_weights);
  const fs::path vae_path = options.vae.empty() ? part_path(path, settings.back().vae_path) : options.vae;
  take(vae_path == path ? build_vae(main, options.precision) : build_vae(open_single(vae_path), options.precision),
       model.vae, model.vae_weights);
  finish(model, main, settings, options);
  return model;
}

StableDiffusion open_folder_model(const fs::path& folder, const OpenOptions& options) {
  const ModelSettings settings = settings_from_folder(folder);
  const auto open = [&](const char* component) {
    const auto files = component_files(folder / component, options.variant);
    require(files.has_value(), ErrorKind::bad_file, "{}: it has no {} with weights", folder.string(), component);
    Opened opened{open_component(*files), {}, (folder / component).string()};
    opened.found = recognise(opened.files.tensors(), opened.where);
    apply(settings, opened.found);
    require_complete(opened.found, opened.where);
    return opened;
  };
  StableDiffusion model;
  model.name = fs::absolute(folder).lexically_normal().filename().string();
  const Opened unet = open("unet"), text = open("text_encoder");
  const Adapters adapters = fitted(options, unet, text);
  model.adapters = adapters.reports();
  take(build_unet(unet, options.precision, adapters.unet()), model.unet, model.unet_weights);
  take(options.vae.empty() ? build_vae(open("vae"), options.precision)
                           : build_vae(open_single(options.vae), options.precision),
       model.vae, model.vae_weights);
  take(build_text(text, options.precision, adapters.text()), model.text, model.text_weights);
  finish(model, unet, {settings}, options);
  return model;
}

}  // namespace

StableDiffusion open_stable_diffusion(const fs::path& path, const OpenOptions& options) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return open_single_model(path, options);
  require(is_diffusers_folder(path), ErrorKind::bad_file,
          "{}: a folder with a model_index.json was expected, this has none", path.string());
  return open_folder_model(path, options);
}

std::unique_ptr<Vae> open_vae(const fs::path& file, Precision precision) {
  return build_vae(open_single(file), precision).network;
}

std::unique_ptr<TextEncoder> open_text_encoder(const fs::path& file, Precision precision) {
  return build_text(open_single(file), precision, {}).network;
}

}  // namespace calotype

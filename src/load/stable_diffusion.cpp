#include "load/stable_diffusion.h"

#include <algorithm>
#include <cmath>

#include "io/folder.h"
#include "load/file_source.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "ops/structure.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPillowBicubic = 3;  // its number in a folder's settings

/// A file, or a folder's component: its tensors, and what they and the words beside them say.
struct Opened {
  WeightFiles files;
  Recognised found;
  std::string where;
};

Opened open_file(const fs::path& path, const std::vector<ModelSettings>& more) {
  TensorFile file(path);
  const auto metadata = file.metadata();
  Opened opened{WeightFiles({std::move(file)}), {}, path.string()};
  opened.found = recognise(opened.files.tensors(), opened.where);
  apply(settings_from_metadata(metadata, opened.where), opened.found);
  for (const ModelSettings& settings : more) apply(settings, opened.found);
  require_complete(opened.found, opened.where);
  return opened;
}

/// The yaml of a single file: the one that is asked for, or the one beside it.
std::optional<ModelSettings> settings_for(const fs::path& path, const fs::path& config) {
  return config.empty() ? settings_beside(path) : read_settings(config);
}

Opened open_single(const fs::path& path, const fs::path& config = {}) {
  const auto beside = settings_for(path, config);
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
  const Averages averages = opened.found.averaged ? Averages::yes : Averages::no;
  FileSource source(opened.files, keys, part->layout, part->prefix, averages);
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

Built<DepthNet> build_depth(const Opened& opened, Precision precision) {
  const auto& part = opened.found.depth;
  return build<DepthNet>(opened, part, depth_keys(part ? part->config : DepthConfig{}), "depth net", precision);
}

Built<ImageTower> build_image_tower(const Opened& opened, Precision precision) {
  const auto& part = opened.found.image;
  require(part.has_value(), ErrorKind::bad_file, "{}: it has no image tower", opened.where);
  FileSource source(opened.files, image_tower_keys(part->config), part->layout, part->prefix);
  Built<ImageTower> built;
  NotingSource noting(source, built.weights);
  built.network = std::make_unique<ImageTower>(Params(noting, precision) / "image", part->config);
  source.check_complete(opened.where, "image tower");
  return built;
}

/// An autoencoder by itself: a file, its folder, or the folder that it is a part of.
Opened open_vae_alone(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return open_single(path);
  const fs::path folder = fs::is_directory(path / "vae", error) ? path / "vae" : path;
  const auto component = component_files(folder);
  require(component.has_value(), ErrorKind::bad_file, "{}: an autoencoder was expected, the folder has no weights",
          path.string());
  Opened opened{open_component(*component), {}, folder.string()};
  opened.found = recognise(opened.files.tensors(), opened.where);
  apply(settings_from_component(folder), opened.found);
  require_complete(opened.found, opened.where);
  return opened;
}

/// What a v model answers to a grey picture at full noise is far below it; an epsilon model gives it back.
Prediction probe(const UNet& unet) {
  const NoGrad inference;
  const UNetConfig& config = unet.config;
  // What comes in beside the latent is nothing.
  const Tensor x = Tensor::full({1, 8, 8, config.out_channels}, 0.5);
  UNet::Inputs inputs{.x = x, .times = {999}, .context = Tensor::full({1, 2, config.context_dim}, 0.5)};
  if (config.in_channels > config.out_channels)
    inputs.x = concat_channels(x, Tensor::zeros({1, 8, 8, config.in_channels - config.out_channels}));
  if (config.class_input == ClassInput::level) inputs.levels = {0};
  if (config.class_input == ClassInput::vector) inputs.vector = Tensor::zeros({1, config.class_size});
  const Tensor out = unet(inputs);
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
  if (model.turbo) return know(Prediction::epsilon, "a turbo model");
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
    if (said.scheduler) model.scheduler = said.scheduler;
    if (said.timestep_spacing) model.timestep_spacing = said.timestep_spacing;
    if (said.steps_offset) model.steps_offset = said.steps_offset;
    if (said.set_alpha_to_one) model.set_alpha_to_one = said.set_alpha_to_one;
    if (said.latent_size) model.latent_size = *said.latent_size;
    if (said.depth_resample) model.depth_bicubic = *said.depth_resample == kPillowBicubic;
    if (said.low_beta_start) model.low_scale.noise.beta_start = *said.low_beta_start;
    if (said.low_beta_end) model.low_scale.noise.beta_end = *said.low_beta_end;
    if (said.low_train_steps) model.low_scale.noise.train_steps = *said.low_train_steps;
    if (said.max_noise_level) model.low_scale.max_level = *said.max_noise_level;
    if (said.image_train_steps) model.image.noise.train_steps = *said.image_train_steps;
    if (said.image_beta_schedule) model.image.noise.beta_schedule = *said.image_beta_schedule;
  }
}

/// Mean and deviation of image embeddings: two vectors, under the names that diffusers gives them.
void take_statistics(ImageConditioning& image, const fs::path& path) {
  const TensorFile file(path);
  const auto vector = [&](const char* name) {
    const StoredTensor* stored = file.find(name);
    require(stored && stored->shape.count() == image.tower->config.projection_width, ErrorKind::bad_file,
            "{}: {} of {} image embedding values is expected, found {}", path.string(), name,
            image.tower->config.projection_width, stored ? stored->shape.text() : "none");
    const std::vector<double> values = values_of(*stored);
    Tensor result = Tensor::empty({static_cast<int64_t>(values.size())});
    std::ranges::transform(values, result.edit<float>().begin(),
                           [](double value) { return static_cast<float>(value); });
    return result;
  };
  image.mean = vector("mean");
  image.deviation = vector("std");
  for (const float value : image.deviation.view<float>())
    require(value > 0 && std::isfinite(value), ErrorKind::bad_file, "{}: std: numbers above 0 are expected, found {}",
            path.string(), value);
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
  model.turbo = std::ranges::any_of(settings, &ModelSettings::turbo);
  set_prediction(model, unet, settings, options);
  model.latent_size = usual_latent_size(model);
  take_settings(model, settings);
  require(model.unet->config.context_dim == model.text->config.width, ErrorKind::bad_file,
          "{}: the UNet reads a context of width {}, the text tower gives {}", unet.where,
          model.unet->config.context_dim, model.text->config.width);
  const UNetConfig& config = model.unet->config;
  if (config.class_input == ClassInput::vector && model.image.tower) {
    const int64_t width = model.image.tower->config.projection_width;
    require(config.class_size == 2 * width, ErrorKind::bad_file,
            "{}: the UNet reads a class vector of {}, the image tower's {} and its noise level make {}", unet.where,
            config.class_size, width, 2 * width);
  }
  if (config.class_input == ClassInput::level)
    require(model.low_scale.max_level < config.class_size, ErrorKind::bad_file,
            "{}: noise levels up to {} are said, the UNet's table has {} rows", unet.where, model.low_scale.max_level,
            config.class_size);
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
  const char* what = found.lora                                 ? "a LoRA: it changes a model and is none"
                     : found.embedding                          ? "an embedding: it is a word for a model, and no model"
                     : found.control_net                        ? "a ControlNet"
                     : found.vae                                ? "an autoencoder alone"
                     : found.text                               ? "a text tower alone"
                     : found.image                              ? "an image tower alone"
                     : found.depth                              ? "a depth net alone: calotype depth takes it"
                     : found.tiny_decoder || found.tiny_encoder ? "a small autoencoder of previews"
                                                                : "nothing that is known here";
  fail(ErrorKind::bad_file, "{}: a model with a UNet was expected, this is {}", opened.where, what);
}

StableDiffusion open_single_model(const fs::path& path, const OpenOptions& options) {
  const Opened main = open_single(path, options.config);
  if (!main.found.unet) no_model(main);
  std::vector<ModelSettings> settings{settings_from_metadata(main.files.files()[0].metadata(), main.where)};
  if (auto beside = settings_for(path, options.config)) settings.push_back(std::move(*beside));

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
  take(vae_path == path ? build_vae(main, options.precision) : build_vae(open_vae_alone(vae_path), options.precision),
       model.vae, model.vae_weights);
  if (main.found.depth) take(build_depth(main, options.precision), model.depth, model.depth_weights);
  if (main.found.image && model.unet->config.class_input == ClassInput::vector) {
    take(build_image_tower(main, options.precision), model.image.tower, model.image_weights);
    if (settings.back().statistics_path) {
      // The original's own file of statistics is a pickle, which many keep elsewhere: then drawing will ask for them.
      fs::path named = part_path(path, settings.back().statistics_path);
      named.replace_extension(".safetensors");
      for (const fs::path& statistics : {named, path.parent_path() / named.filename()})
        if (!model.image.mean && fs::exists(statistics)) take_statistics(model.image, statistics);
    }
  }
  finish(model, main, settings, options);
  return model;
}

StableDiffusion open_folder_model(const fs::path& folder, const OpenOptions& options) {
  const ModelSettings settings = settings_from_folder(folder);
  StableDiffusion model;
  const auto open = [&](const char* component) {
    const auto files = component_files(folder / component, options.variant);
    require(files.has_value(), ErrorKind::bad_file, "{}: it has no {} with weights", folder.string(), component);
    if (files->variant != options.variant)
      model.notes.push_back(fmt::format("{}: there is no {}; {} is taken", (folder / component).string(),
                                        options.variant.empty() ? "full precision" : "variant " + options.variant,
                                        files->variant.empty() ? "full precision" : "the variant " + files->variant));
    Opened opened{open_component(*files), {}, (folder / component).string()};
    opened.found = recognise(opened.files.tensors(), opened.where);
    apply(settings, opened.found);
    require_complete(opened.found, opened.where);
    return opened;
  };
  model.name = fs::absolute(folder).lexically_normal().filename().string();
  const Opened unet = open("unet"), text = open("text_encoder");
  const Adapters adapters = fitted(options, unet, text);
  model.adapters = adapters.reports();
  take(build_unet(unet, options.precision, adapters.unet()), model.unet, model.unet_weights);
  take(options.vae.empty() ? build_vae(open("vae"), options.precision)
                           : build_vae(open_vae_alone(options.vae), options.precision),
       model.vae, model.vae_weights);
  take(build_text(text, options.precision, adapters.text()), model.text, model.text_weights);
  const auto there = [&](const char* component) { return fs::is_directory(folder / component); };
  if (there("depth_estimator"))
    take(build_depth(open("depth_estimator"), options.precision), model.depth, model.depth_weights);
  if (there("image_encoder") && model.unet->config.class_input == ClassInput::vector) {
    take(build_image_tower(open("image_encoder"), options.precision), model.image.tower, model.image_weights);
    if (const auto files = component_files(folder / "image_normalizer"); files && files->files.size() == 1)
      take_statistics(model.image, files->files[0]);
  }
  finish(model, unet, {settings}, options);
  return model;
}

}  // namespace

StableDiffusion open_stable_diffusion(const fs::path& path, const OpenOptions& options) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return open_single_model(path, options);
  require(options.config.empty(), ErrorKind::bad_input,
          "model_config: {} is a folder, whose own files say what a yaml would", path.string());
  require(is_diffusers_folder(path), ErrorKind::bad_file,
          "{}: a folder with a model_index.json was expected, this has none", path.string());
  return open_folder_model(path, options);
}

std::unique_ptr<Vae> open_vae(const fs::path& path, Precision precision) {
  return build_vae(open_vae_alone(path), precision).network;
}

std::unique_ptr<TextEncoder> open_text_encoder(const fs::path& file, Precision precision) {
  return build_text(open_single(file), precision, {}).network;
}

std::unique_ptr<DepthNet> open_depth_net(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return build_depth(open_single(path), Precision::f32).network;
  const bool whole = is_diffusers_folder(path);
  const fs::path folder = whole ? path / "depth_estimator" : path;
  const auto files = component_files(folder);
  require(files.has_value(), ErrorKind::bad_file, "{}: it has no depth_estimator with weights", path.string());
  Opened opened{open_component(*files), {}, folder.string()};
  opened.found = recognise(opened.files.tensors(), opened.where);
  apply(settings_from_folder(whole ? path : fs::absolute(path).lexically_normal().parent_path()), opened.found);
  require_complete(opened.found, opened.where);
  return build_depth(opened, Precision::f32).network;
}

std::unique_ptr<TinyDecoder> open_tiny_decoder(const fs::path& file) {
  const Opened opened = open_single(file);
  const auto& part = opened.found.tiny_decoder;
  return build<TinyDecoder>(opened, part, tiny_decoder_keys(part ? part->config : TinyVaeConfig{}),
                            "small decoder (TAESD)", Precision::f32)
      .network;
}

std::unique_ptr<TinyEncoder> open_tiny_encoder(const fs::path& file) {
  const Opened opened = open_single(file);
  const auto& part = opened.found.tiny_encoder;
  return build<TinyEncoder>(opened, part, tiny_encoder_keys(part ? part->config : TinyVaeConfig{}),
                            "small encoder (TAESD)", Precision::f32)
      .network;
}

const DepthNet& depth_net_of(const StableDiffusion& model) {
  require(
      model.depth != nullptr, ErrorKind::bad_file,
      "{}: it holds no depth net (such as 512-depth-ema has under depth_model.model.); give a depth map with --depth",
      model.name);
  return *model.depth;
}

const ImageConditioning& image_conditioning_of(const StableDiffusion& model) {
  const ImageConditioning& image = model.image;
  require(image.tower != nullptr, ErrorKind::bad_file,
          "{}: it holds no image tower (such as sd21-unclip-h has under embedder.model.)", model.name);
  require(image.mean || model.family != Family::unclip_l, ErrorKind::bad_file,
          "{}: mean and deviation of its image embeddings are not in its file; put diffusers' image_normalizer as "
          "ViT-L-14_stats.safetensors beside it, and its yaml, which names them under clip_stats_path",
          model.name);
  return image;
}

}  // namespace calotype

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "io/gguf.h"
#include "io/printable.h"
#include "load/component_configs.h"
#include "load/converted.h"
#include "load/converted_parts.h"
#include "text/vocabulary_files.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;
using Metadata = std::map<std::string, std::string>;

/// What is known of the prediction: asked for, said, a matter of the family, or of its weights' statistic.
std::optional<Prediction> known_prediction(const ModelFiles& model, const ModelWords& words) {
  if (words.prediction || !model.has(PartKind::unet)) return words.prediction;
  std::optional<Prediction> known = prediction_of(model.found().family);
  if (model.found().family == Family::sd2)
    known = prediction_by_statistic(model.files_of(PartKind::unet).tensors(), *model.found().unet);
  for (const ModelSettings& said : model.settings())
    if (said.prediction) known = said.prediction;
  return known;
}

/// All settings in one, those that count most last.
ModelSettings settings_of(const ModelFiles& model) {
  ModelSettings all;
  for (const ModelSettings& said : model.settings()) {
    const auto take = [](auto& to, const auto& from) {
      if (from) to = from;
    };
    take(all.beta_start, said.beta_start);
    take(all.beta_end, said.beta_end);
    take(all.beta_schedule, said.beta_schedule);
    take(all.train_steps, said.train_steps);
    take(all.timestep_spacing, said.timestep_spacing);
    take(all.zero_terminal_snr, said.zero_terminal_snr);
    take(all.latent_size, said.latent_size);
  }
  return all;
}

int64_t latent_size_of(const ModelFiles& model, const ModelSettings& settings, std::optional<Prediction> prediction) {
  if (settings.latent_size) return *settings.latent_size;
  if (model.found().family == Family::x4_upscaler) return 128;
  return model.found().family == Family::sd2 && prediction == Prediction::v_prediction ? 96 : 64;
}

/// The yaml that goes with the weights, so that a single file says all that a folder says; nothing where sizes are not
/// known, or the prediction.
std::string yaml_of(const ModelFiles& model, const ModelTensors& tensors, std::optional<Prediction> prediction) {
  const ModelSettings settings = settings_of(model);
  ModelDescription description{.latent_size = latent_size_of(model, settings, prediction)};
  if (tensors.parts.contains(PartKind::unet)) {
    description.unet = model.found().unet->config;
    if (!prediction || description.unet->groups == 0) return "";
    if (description.unet->num_heads == 0 && description.unet->num_head_channels == 0) return "";
    description.prediction = *prediction;
  }
  if (tensors.parts.contains(PartKind::vae)) {
    description.vae = model.found().vae->config;
    if (description.vae->groups == 0) return "";
  }
  if (tensors.parts.contains(PartKind::text)) {
    description.text = model.found().text->config;
    if (description.text->heads == 0) return "";
  }
  const bool x4 = model.found().family == Family::x4_upscaler;
  description.beta_start = settings.beta_start.value_or(x4 ? 0.0001 : 0.00085);
  description.beta_end = settings.beta_end.value_or(x4 ? 0.02 : 0.012);
  description.train_steps = settings.train_steps.value_or(1000);
  description.zero_terminal_snr = settings.zero_terminal_snr.value_or(false);
  if (settings.beta_schedule && *settings.beta_schedule != "scaled_linear") return "";  // the yaml has no word for it
  return original_yaml(description);
}

Metadata metadata_of(const ModelFiles& model, const ModelTensors& tensors, const ModelWords& words, Target target) {
  Metadata metadata;
  const bool gguf = target == Target::gguf;
  for (const auto& [key, value] : model.metadata())
    if (is_utf8(key) && is_utf8(value) && key != "format" && !key.starts_with("general.") && !key.starts_with("sd."))
      metadata[key] = value;
  const auto carried = [&](const char* from, const char* to) {
    if (const auto at = model.metadata().find(from); at != model.metadata().end() && is_utf8(at->second))
      metadata[to] = at->second;
  };
  const char* license = gguf ? "general.license" : "modelspec.license";
  carried("general.license", license);
  carried("modelspec.license", license);
  if (!words.license.empty()) metadata[license] = words.license;
  const auto prediction = known_prediction(model, words);
  metadata.erase("modelspec.prediction_type");
  if (prediction && tensors.parts.contains(PartKind::unet) && *prediction != Prediction::sample)
    metadata[gguf ? "sd.prediction_type" : "modelspec.prediction_type"] =
        *prediction == Prediction::v_prediction ? "v" : "epsilon";
  metadata.erase("calotype.config");
  if (const std::string yaml = yaml_of(model, tensors, prediction); !yaml.empty()) metadata["calotype.config"] = yaml;
  if (!gguf) {
    metadata["format"] = "pt";
    return metadata;
  }
  metadata["general.architecture"] = "stable-diffusion";
  metadata["general.name"] = as_utf8(model.path().stem().string());
  std::string components;
  for (const auto& [part, list] : tensors.parts)
    components += (components.empty() ? "" : ",") + std::string(name_of(part));
  metadata["sd.components"] = components;
  if (tensors.parts.contains(PartKind::unet)) {
    const UNetConfig& unet = model.found().unet->config;
    metadata["sd.version"] = unet.context_dim == 768 ? "1" : "2";
    metadata["sd.in_channels"] = std::to_string(unet.in_channels);
  }
  if (tensors.parts.contains(PartKind::vae))
    metadata["sd.vae_scale"] = fmt::format("{}", model.found().vae->config.scale_factor);
  return metadata;
}

/// Writes lists of tensors, counting through all of them.
class Writer {
 public:
  Writer(int64_t total, const std::function<void(int64_t, int64_t)>& on_tensor)
      : total_(total), on_tensor_(on_tensor) {}

  void write(const fs::path& path, bool gguf, std::vector<ModelTensor> tensors, const Metadata& metadata) {
    std::vector<TensorPlan> plans;
    std::unordered_map<std::string, const ModelTensor*> by_name;
    for (const ModelTensor& tensor : tensors) {
      plans.push_back({tensor.name, tensor.type, tensor.shape});
      require(by_name.emplace(tensor.name, &tensor).second, ErrorKind::bad_file, "{}: it would be written twice",
              printable(tensor.name));
    }
    const auto fill = [&](const TensorPlan& plan, const ByteSink& sink) {
      const ModelTensor& tensor = *by_name.at(plan.name);
      if (on_tensor_) on_tensor_(result_.tensors, total_);
      ++result_.tensors;
      if (const int64_t count = tensor.not_a_number()) result_.not_a_number[tensor.original] = count;
      tensor.write(sink);
    };
    if (gguf)
      write_gguf(path, plans, metadata, fill);
    else
      write_safetensors(path, std::move(plans), metadata, fill);
  }
  WrittenModel take() { return std::move(result_); }

 private:
  int64_t total_;
  const std::function<void(int64_t, int64_t)>& on_tensor_;
  WrittenModel result_;
};

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, ErrorKind::cannot_write, "{}: the folder could not be made: {}", path.string(), error.message());
}

/// A file of a source folder, byte by byte, where it is there; else what `make` says, unless that is nothing.
void write_beside(const fs::path& source, const fs::path& to, const std::string& name, const std::string& otherwise) {
  std::error_code error;
  std::string text = otherwise;
  if (fs::is_directory(source, error) && fs::is_regular_file(source / name, error)) {
    const MappedFile file(source / name);
    text.assign(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  }
  if (text.empty()) return;
  make_folder((to / name).parent_path());
  write_text(to / name, text);
}

const char* folder_of(PartKind part) {
  return part == PartKind::unet ? "unet" : part == PartKind::vae ? "vae" : "text_encoder";
}

void write_configs(const fs::path& to, const ModelFiles& model, const ModelTensors& tensors, const ModelWords& words) {
  const fs::path& from = model.path();
  const auto prediction = known_prediction(model, words);
  const ModelSettings settings = settings_of(model);
  const int64_t latents = latent_size_of(model, settings, prediction);
  const bool unet = tensors.parts.contains(PartKind::unet), vae = tensors.parts.contains(PartKind::vae),
             text = tensors.parts.contains(PartKind::text);
  write_beside(unet && vae && text ? from : fs::path(), to, "model_index.json",
               model_index_json(model, unet, vae, text));
  if (unet) {
    write_beside(from, to, "unet/config.json", unet_config_json(model.found().unet->config, latents));
    write_beside(words.prediction ? fs::path() : from, to, "scheduler/scheduler_config.json",
                 scheduler_config_json(settings, *prediction));
  }
  if (vae) {
    const VaeConfig& config = model.found().vae->config;
    write_beside(from, to, "vae/config.json", vae_config_json(config, latents * config.downscale()));
  }
  if (!text) return;
  const TextConfig& config = model.found().text->config;
  write_beside(from, to, "text_encoder/config.json", text_config_json(config));
  const bool known = config.vocab_size >= 514 && config.vocab_size <= 49408;
  write_beside(from, to, "tokenizer/vocab.json", known ? vocabulary_json(config.vocab_size) : "");
  write_beside(from, to, "tokenizer/merges.txt", known ? merges_text(config.vocab_size) : "");
  const std::string pad = config.padding_id == 0 ? "!" : "<|endoftext|>";
  const std::string marks = fmt::format(
      "\"bos_token\": \"<|startoftext|>\", \"eos_token\": \"<|endoftext|>\", \"pad_token\": \"{}\", "
      "\"unk_token\": \"<|endoftext|>\"",
      pad);
  write_beside(from, to, "tokenizer/special_tokens_map.json", "{" + marks + "}\n");
  write_beside(from, to, "tokenizer/tokenizer_config.json",
               fmt::format("{{\"add_prefix_space\": false, \"do_lower_case\": true, \"errors\": \"replace\", "
                           "\"model_max_length\": {}, \"tokenizer_class\": \"CLIPTokenizer\", {}}}\n",
                           config.context_length, marks));
}

}  // namespace

WrittenModel write_model_tensors(const fs::path& path, const ModelFiles& model, ModelTensors tensors,
                                 const ModelWords& words, const std::function<void(int64_t, int64_t)>& on_tensor) {
  const Target target = target_of(path);
  int64_t total = static_cast<int64_t>(tensors.others.size());
  for (const auto& [part, list] : tensors.parts) total += static_cast<int64_t>(list.size());
  require(total > 0, ErrorKind::bad_input, "{}: nothing is left to be written", path.string());
  Writer writer(total, on_tensor);
  if (target == Target::folder) {
    require_complete(model.found(), model.path().string());
    require(!tensors.parts.contains(PartKind::unet) || known_prediction(model, words), ErrorKind::bad_input,
            "prediction: {} does not say what its UNet predicts; say it with --prediction", model.path().string());
    make_folder(path);
    for (auto& [part, list] : tensors.parts) {
      make_folder(path / folder_of(part));
      const char* name = part == PartKind::text ? "model.safetensors" : "diffusion_pytorch_model.safetensors";
      writer.write(path / folder_of(part) / name, false, std::move(list), {{"format", "pt"}});
      list.clear();
    }
    write_configs(path, model, tensors, words);
    return writer.take();
  }
  const Metadata metadata = metadata_of(model, tensors, words, target);
  std::vector<ModelTensor> all;
  for (auto& [part, list] : tensors.parts)
    for (ModelTensor& tensor : list) {
      tensor.name = original_prefix(part, is_clip_l(model)) + tensor.name;
      all.push_back(std::move(tensor));
    }
  for (ModelTensor& tensor : tensors.others) all.push_back(std::move(tensor));
  writer.write(path, target == Target::gguf, std::move(all), metadata);
  return writer.take();
}

}  // namespace calotype

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/json.h"
#include "io/printable.h"
#include "io/settings.h"

namespace calotype {
namespace {

using nlohmann::json;

constexpr size_t kMostBytes = 1'000'000;

/// A config file of a component: an object, or nothing where the text is empty.
class ConfigFile {
 public:
  ConfigFile(const std::string& text, std::string path) : path_(std::move(path)), there_(!text.empty()) {
    if (!there_) return;
    content_ = parse_json(text, path_);
    require(content_.is_object(), ErrorKind::bad_file, "{}: an object is expected", path_);
  }

  bool there() const { return there_; }
  const json* find(const char* key) const {
    const auto at = content_.find(key);
    return at == content_.end() || at->is_null() ? nullptr : &*at;
  }
  std::optional<std::string> text(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    require(value->is_string(), ErrorKind::bad_file, "{}: {}: text is expected", path_, key);
    return value->get<std::string>();
  }
  std::optional<int64_t> count(const char* key, int64_t least = 1) const {
    const json* value = find(key);
    return value ? std::optional(whole(*value, key, least)) : std::nullopt;
  }
  std::optional<double> positive(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    require(value->is_number() && value->get<double>() > 0 && std::isfinite(value->get<double>()), ErrorKind::bad_file,
            "{}: {}: a number above 0 is expected", path_, key);
    return value->get<double>();
  }
  std::optional<bool> flag(const char* key) const {
    const json* value = find(key);
    if (!value) return std::nullopt;
    require(value->is_boolean(), ErrorKind::bad_file, "{}: {}: true or false is expected", path_, key);
    return value->get<bool>();
  }
  int64_t whole(const json& value, const char* key, int64_t least) const {
    const bool good = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT32_MAX));
    require(good && value.get<int64_t>() >= least && value.get<int64_t>() <= INT32_MAX, ErrorKind::bad_file,
            "{}: {}: a whole number from {} on is expected", path_, key, least);
    return value.get<int64_t>();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  json content_ = json::object();
  bool there_ = false;
};

void read_unet(const ConfigFile& file, ModelSettings& settings) {
  if (!file.there()) return;
  settings.in_channels = file.count("in_channels");
  settings.context_dim = file.count("cross_attention_dim");
  settings.unet_groups = file.count("norm_num_groups").value_or(32);
  settings.latent_size = file.count("sample_size");
  // The name says width, the value is the number of heads: an old mistake that all files share.
  const json* heads = file.find("attention_head_dim");
  if (const json* newer = file.find("num_attention_heads")) heads = newer;
  if (heads && heads->is_array()) {
    require(heads->size() <= 16, ErrorKind::bad_file, "{}: attention_head_dim: too long a list", file.path());
    for (const json& item : *heads) settings.heads_of_levels.push_back(file.whole(item, "attention_head_dim", 1));
  } else {
    settings.num_heads = heads ? file.whole(*heads, "attention_head_dim", 1) : 8;
  }
  const json* cross_only = file.find("only_cross_attention");
  if (cross_only && cross_only->is_array() && cross_only->size() <= 16) {
    std::vector<bool> flags;
    for (const json& item : *cross_only) flags.push_back(item.is_boolean() && item.get<bool>());
    settings.disable_self_attentions = flags;
  }
}

void read_scheduler(const ConfigFile& file, ModelSettings& settings) {
  if (!file.there()) return;
  const std::string word = file.text("prediction_type").value_or("epsilon");
  if (word == "epsilon")
    settings.prediction = Prediction::epsilon;
  else if (word == "v_prediction")
    settings.prediction = Prediction::v_prediction;
  else if (word == "sample")
    settings.prediction = Prediction::sample;
  else
    fail(ErrorKind::bad_file, "{}: prediction_type: epsilon, v_prediction or sample is expected, found {}", file.path(),
         printable(word, 40));
  settings.scheduler = file.text("_class_name");
  settings.beta_start = file.positive("beta_start");
  settings.beta_end = file.positive("beta_end");
  settings.beta_schedule = file.text("beta_schedule");
  settings.train_steps = file.count("num_train_timesteps");
  settings.timestep_spacing = file.text("timestep_spacing");
  settings.zero_terminal_snr = file.flag("rescale_betas_zero_snr");
  settings.steps_offset = file.count("steps_offset", 0);
  settings.set_alpha_to_one = file.flag("set_alpha_to_one");
}

void read_text(const ConfigFile& file, ModelSettings& settings) {
  if (!file.there()) return;
  settings.text_heads = file.count("num_attention_heads");
  const std::string word = file.text("hidden_act").value_or("quick_gelu");
  require(word == "gelu" || word == "quick_gelu", ErrorKind::unsupported,
          "{}: hidden_act: gelu or quick_gelu is expected, found {}", file.path(), printable(word, 40));
  settings.activation = word == "gelu" ? TextActivation::gelu : TextActivation::quick_gelu;
}

void read_depth(const ConfigFile& net, const ConfigFile& extractor, ModelSettings& settings) {
  if (net.there()) {
    settings.depth_heads = net.count("num_attention_heads").value_or(12);
    // The list has a place for each of the decoder's four maps; the first two are the residual stages'.
    if (const json* taps = net.find("backbone_out_indices"); taps && taps->is_array() && taps->size() == 4)
      settings.depth_taps = {
          {net.whole((*taps)[2], "backbone_out_indices", 0), net.whole((*taps)[3], "backbone_out_indices", 0)}};
    if (const json* backbone = net.find("backbone_config"); backbone && backbone->is_object())
      if (const auto groups = backbone->find("num_groups"); groups != backbone->end() && !groups->is_null())
        settings.depth_groups = net.whole(*groups, "num_groups", 1);
  }
  if (extractor.there()) settings.depth_resample = extractor.count("resample", 0);
}

void read_image_tower(const ConfigFile& tower, const ConfigFile& noise, ModelSettings& settings) {
  if (tower.there()) {
    settings.image_heads = tower.count("num_attention_heads").value_or(12);
    const std::string word = tower.text("hidden_act").value_or("quick_gelu");
    require(word == "gelu" || word == "quick_gelu", ErrorKind::unsupported,
            "{}: hidden_act: gelu or quick_gelu is expected, found {}", tower.path(), printable(word, 40));
    settings.image_activation = word == "gelu" ? TextActivation::gelu : TextActivation::quick_gelu;
  }
  if (!noise.there()) return;
  settings.image_train_steps = noise.count("num_train_timesteps");
  settings.image_beta_schedule = noise.text("beta_schedule");
}

void read_low_scale(const ConfigFile& noise, const ConfigFile& index, ModelSettings& settings) {
  if (index.there()) settings.max_noise_level = index.count("max_noise_level", 0);
  if (!noise.there()) return;
  settings.low_beta_start = noise.positive("beta_start");
  settings.low_beta_end = noise.positive("beta_end");
  settings.low_train_steps = noise.count("num_train_timesteps");
}

/// SD-Turbo's scheduler is the only one that runs its few steps back from the last, and it predicts noise.
bool is_turbo(const ModelSettings& settings) {
  return settings.scheduler == "EulerDiscreteScheduler" && settings.timestep_spacing == "trailing" &&
         settings.prediction == Prediction::epsilon && !settings.zero_terminal_snr.value_or(false);
}

std::string text_of(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return "";
  const MappedFile file(path);
  require(file.bytes().size() <= kMostBytes, ErrorKind::bad_file, "{}: {} bytes are more than the {} it may have",
          path.string(), file.bytes().size(), kMostBytes);
  const std::string text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  return text.empty() ? " " : text;  // an empty file is there, and no JSON
}

}  // namespace

ModelSettings settings_from_configs(const FolderConfigs& configs, const std::string& folder) {
  ModelSettings settings;
  settings.source = folder;
  read_unet(ConfigFile(configs.unet, folder + "/unet/config.json"), settings);
  read_scheduler(ConfigFile(configs.scheduler, folder + "/scheduler/scheduler_config.json"), settings);
  read_text(ConfigFile(configs.text_encoder, folder + "/text_encoder/config.json"), settings);
  const ConfigFile vae(configs.vae, folder + "/vae/config.json");
  if (vae.there()) {
    settings.scale_factor = vae.positive("scaling_factor");
    settings.vae_groups = vae.count("norm_num_groups").value_or(32);
  }
  const auto file = [&](const std::string& text, const char* name) { return ConfigFile(text, folder + name); };
  read_depth(file(configs.depth_estimator, "/depth_estimator/config.json"),
             file(configs.feature_extractor, "/feature_extractor/preprocessor_config.json"), settings);
  read_image_tower(file(configs.image_encoder, "/image_encoder/config.json"),
                   file(configs.image_noising_scheduler, "/image_noising_scheduler/scheduler_config.json"), settings);
  read_low_scale(file(configs.low_res_scheduler, "/low_res_scheduler/scheduler_config.json"),
                 file(configs.model_index, "/model_index.json"), settings);
  settings.turbo = is_turbo(settings);
  return settings;
}

ModelSettings settings_from_folder(const std::filesystem::path& folder) {
  return settings_from_configs(
      {text_of(folder / "unet" / "config.json"), text_of(folder / "vae" / "config.json"),
       text_of(folder / "text_encoder" / "config.json"), text_of(folder / "scheduler" / "scheduler_config.json"),
       text_of(folder / "depth_estimator" / "config.json"),
       text_of(folder / "feature_extractor" / "preprocessor_config.json"),
       text_of(folder / "image_encoder" / "config.json"),
       text_of(folder / "low_res_scheduler" / "scheduler_config.json"),
       text_of(folder / "image_noising_scheduler" / "scheduler_config.json"), text_of(folder / "model_index.json")},
      folder.string());
}

ModelSettings settings_from_component(const std::filesystem::path& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  const std::filesystem::path parent = (whole.has_filename() ? whole : whole.parent_path()).parent_path();
  return settings_from_configs({"", text_of(folder / "config.json"), "", ""}, parent.string());
}

}  // namespace calotype

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/printable.h"
#include "io/settings.h"
#include "io/yaml.h"

namespace calotype {
namespace {

/// A map of the yaml with its path, for messages.
class Section {
 public:
  Section(YAML::Node node, std::string where) : node_(std::move(node)), where_(std::move(where)) {}

  Section section(const std::string& key) const {
    YAML::Node node = child(key);
    require(!node || node.IsNull() || node.IsMap(), ErrorKind::bad_file, "{}.{}: a map is expected", where_, key);
    return {node, where_ + "." + key};
  }

  template <class T>
  std::optional<T> value(const std::string& key, const char* expected) const {
    const YAML::Node node = child(key);
    if (!node || node.IsNull()) return std::nullopt;
    T result;
    const bool good = node.IsScalar() && YAML::convert<T>::decode(node, result);
    require(good, ErrorKind::bad_file, "{}.{}: {} is expected, found {}", where_, key, expected,
            node.IsScalar() ? printable(node.Scalar(), 40) : "a list or map");
    return result;
  }

  std::optional<std::string> text(const std::string& key) const { return value<std::string>(key, "a word"); }

  /// A whole number from `least` to 2^31.
  std::optional<int64_t> count(const std::string& key, int64_t least = 1) const {
    const auto number = value<int64_t>(key, "a whole number");
    require(!number || (*number >= least && *number <= INT32_MAX), ErrorKind::bad_file,
            "{}.{}: a number from {} on is expected, found {}", where_, key, least, number.value_or(0));
    return number;
  }

  std::optional<double> positive(const std::string& key) const {
    const auto number = value<double>(key, "a number");
    require(!number || (std::isfinite(*number) && *number > 0), ErrorKind::bad_file,
            "{}.{}: a number above 0 is expected, found {}", where_, key, number.value_or(0));
    return number;
  }

  std::optional<std::vector<bool>> flags(const std::string& key) const {
    const YAML::Node node = child(key);
    if (!node || node.IsNull()) return std::nullopt;
    require(node.IsSequence() && node.size() <= 16, ErrorKind::bad_file, "{}.{}: a list of true and false is expected",
            where_, key);
    std::vector<bool> result;
    for (const YAML::Node& item : node) {
      bool flag = false;
      require(item.IsScalar() && YAML::convert<bool>::decode(item, flag), ErrorKind::bad_file,
              "{}.{}: a list of true and false is expected", where_, key);
      result.push_back(flag);
    }
    return result;
  }

  std::optional<std::array<int64_t, 2>> pair(const std::string& key) const {
    const YAML::Node node = child(key);
    if (!node || node.IsNull()) return std::nullopt;
    std::array<int64_t, 2> result;
    const auto good = [](const YAML::Node& item, int64_t& number) {
      return item.IsScalar() && YAML::convert<int64_t>::decode(item, number) && number >= 0 && number <= INT32_MAX;
    };
    require(node.IsSequence() && node.size() == 2 && good(node[0], result[0]) && good(node[1], result[1]),
            ErrorKind::bad_file, "{}.{}: a list of two numbers from 0 on is expected", where_, key);
    return result;
  }

  const std::string& where() const { return where_; }

 private:
  /// Looked for by hand: indexing a node by a key that it lacks may add the key.
  YAML::Node child(const std::string& key) const {
    if (node_ && node_.IsMap())
      for (const auto& entry : node_)
        if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
    return YAML::Node(YAML::NodeType::Undefined);
  }

  YAML::Node node_;
  std::string where_;
};

std::optional<Prediction> prediction_named(const std::optional<std::string>& word, const std::string& where) {
  if (!word) return std::nullopt;
  if (*word == "eps") return Prediction::epsilon;
  if (*word == "v") return Prediction::v_prediction;
  if (*word == "x0") return Prediction::sample;
  fail(ErrorKind::bad_file, "{}.parameterization: eps, v or x0 is expected, found {}", where, printable(*word, 40));
}

std::optional<TextActivation> activation_named(const std::optional<std::string>& word, const std::string& where) {
  if (!word) return std::nullopt;
  if (*word == "gelu") return TextActivation::gelu;
  if (*word == "quick_gelu") return TextActivation::quick_gelu;
  fail(ErrorKind::bad_file, "{}.activation: gelu or quick_gelu is expected, found {}", where, printable(*word, 40));
}

std::optional<int64_t> unused_layers(const std::optional<std::string>& layer, const std::string& where) {
  if (!layer) return std::nullopt;
  if (*layer == "penultimate") return 1;
  if (*layer == "last") return 0;
  fail(ErrorKind::bad_file, "{}.layer: penultimate or last is expected, found {}", where, printable(*layer, 40));
}

/// What the original calls linear runs straight in the square root; it has another word for the straight line.
std::optional<std::string> schedule_named(const std::optional<std::string>& word) {
  if (!word) return std::nullopt;
  if (*word == "linear") return "scaled_linear";
  if (*word == "sqrt_linear") return "linear";
  return word;
}

/// The parts that only some models have.
void read_parts_beside(const Section& params, ModelSettings& settings) {
  const Section depth = params.section("depth_stage_config").section("params");
  settings.depth_size = depth.count("trained_size");
  settings.depth_heads = depth.count("heads");
  settings.depth_taps = depth.pair("taps");
  settings.depth_groups = depth.count("groups");

  const Section low = params.section("low_scale_config").section("params");
  const Section low_noise = low.section("noise_schedule_config");
  settings.max_noise_level = low.count("max_noise_level", 0);
  settings.low_beta_start = low_noise.positive("linear_start");
  settings.low_beta_end = low_noise.positive("linear_end");
  settings.low_train_steps = low_noise.count("timesteps");

  const Section tower = params.section("embedder_config").section("params");
  settings.image_heads = tower.count("heads");
  settings.image_activation = activation_named(tower.text("activation"), tower.where());
  const Section augmented = params.section("noise_aug_config").section("params");
  settings.statistics_path = augmented.text("clip_stats_path");
  settings.image_train_steps = augmented.section("noise_schedule_config").count("timesteps");
  settings.image_beta_schedule = schedule_named(augmented.section("noise_schedule_config").text("beta_schedule"));
}

}  // namespace

ModelSettings settings_from_yaml(std::string_view text, std::string_view where) {
  const YAML::Node root = parse_yaml(text, where);
  require(root.IsMap(), ErrorKind::bad_file, "{}: a map with the key model is expected", where);
  const Section params = Section(root, std::string(where)).section("model").section("params");
  ModelSettings settings;
  settings.source = where;
  settings.prediction = prediction_named(params.text("parameterization"), params.where());
  settings.beta_start = params.positive("linear_start");
  settings.beta_end = params.positive("linear_end");
  settings.beta_schedule = schedule_named(params.text("beta_schedule"));
  settings.train_steps = params.count("timesteps");
  settings.scale_factor = params.positive("scale_factor");
  settings.latent_size = params.count("image_size");
  settings.zero_terminal_snr = params.value<bool>("zero_terminal_snr", "true or false");

  const Section unet = params.section("unet_config").section("params");
  settings.in_channels = unet.count("in_channels");
  settings.model_channels = unet.count("model_channels");
  settings.context_dim = unet.count("context_dim");
  settings.num_heads = unet.count("num_heads", -1);
  settings.num_head_channels = unet.count("num_head_channels", -1);
  if (settings.num_heads.value_or(0) < 1) settings.num_heads.reset();  // -1 stands for the other one
  if (settings.num_head_channels.value_or(0) < 1) settings.num_head_channels.reset();
  settings.unet_groups = unet.count("groups");
  settings.disable_self_attentions = unet.flags("disable_self_attentions");

  const Section vae = params.section("first_stage_config").section("params");
  settings.vae_groups = vae.section("ddconfig").count("groups");
  settings.vae_path = vae.text("ckpt_path");

  const Section condition = params.section("cond_stage_config");
  const Section clip = condition.section("params");
  settings.unused_layers = unused_layers(clip.text("layer"), clip.where());
  settings.text_heads = clip.count("heads");
  settings.activation = activation_named(clip.text("activation"), clip.where());
  settings.padding_id = clip.count("padding_id", 0);
  settings.text_path = clip.text("ckpt_path");
  read_parts_beside(params, settings);
  return settings;
}

ModelSettings read_settings(const std::filesystem::path& yaml) {
  const MappedFile file(yaml);
  return settings_from_yaml({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, yaml.string());
}

std::optional<ModelSettings> settings_beside(const std::filesystem::path& weights) {
  for (const char* ending : {".yaml", ".yml"}) {
    std::filesystem::path path = weights;
    path.replace_extension(ending);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) continue;
    return read_settings(path);
  }
  return std::nullopt;
}

namespace {

bool names_turbo(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text.find("turbo") != std::string::npos;
}

}  // namespace

ModelSettings settings_from_metadata(const std::map<std::string, std::string>& metadata, std::string_view where) {
  ModelSettings settings;
  if (const auto at = metadata.find("calotype.config"); at != metadata.end())
    settings = settings_from_yaml(at->second, fmt::format("{}: calotype.config", where));
  settings.source = where;
  for (const char* key : {"modelspec.prediction_type", "sd.prediction_type"})
    if (const auto at = metadata.find(key); at != metadata.end()) {
      if (at->second == "epsilon") settings.prediction = Prediction::epsilon;
      if (at->second == "v" || at->second == "v_prediction") settings.prediction = Prediction::v_prediction;
    }
  for (const char* key : {"modelspec.title", "modelspec.architecture"})
    if (const auto at = metadata.find(key); at != metadata.end()) settings.turbo |= names_turbo(at->second);
  return settings;
}

namespace {

std::string unet_yaml(const UNetConfig& unet) {
  std::string text = fmt::format(
      "    unet_config:\n"
      "      params:\n"
      "        in_channels: {}\n"
      "        out_channels: {}\n"
      "        model_channels: {}\n"
      "        channel_mult: [{}]\n"
      "        num_res_blocks: {}\n"
      "        attention_resolutions: [{}]\n"
      "        context_dim: {}\n"
      "        use_linear_in_transformer: {}\n"
      "        groups: {}\n",
      unet.in_channels, unet.out_channels, unet.model_channels, fmt::join(unet.channel_mult, ", "), unet.num_res_blocks,
      fmt::join(unet.attention_resolutions, ", "), unet.context_dim, unet.use_linear_in_transformer, unet.groups);
  text += unet.num_heads > 0 ? fmt::format("        num_heads: {}\n", unet.num_heads)
                             : fmt::format("        num_head_channels: {}\n", unet.num_head_channels);
  if (!unet.disable_self_attentions.empty()) {
    text += "        disable_self_attentions: [";
    for (size_t i = 0; i < unet.disable_self_attentions.size(); ++i)
      text += fmt::format("{}{}", i ? ", " : "", unet.disable_self_attentions[i] ? "true" : "false");
    text += "]\n";
  }
  if (unet.class_input == ClassInput::level) text += fmt::format("        num_classes: {}\n", unet.class_size);
  if (unet.class_input == ClassInput::vector)
    text += fmt::format("        num_classes: \"sequential\"\n        adm_in_channels: {}\n", unet.class_size);
  return text;
}

std::string noise_yaml(const ModelDescription& description) {
  const char* parameterization = description.prediction == Prediction::v_prediction ? "v"
                                 : description.prediction == Prediction::sample     ? "x0"
                                                                                    : "eps";
  std::string text = fmt::format(
      "    parameterization: \"{}\"\n"
      "    linear_start: {}\n"
      "    linear_end: {}\n"
      "    timesteps: {}\n"
      "    image_size: {}\n",
      parameterization, description.beta_start, description.beta_end, description.train_steps, description.latent_size);
  if (description.zero_terminal_snr) text += "    zero_terminal_snr: true\n";
  return text;
}

}  // namespace

std::string original_yaml(const ModelDescription& description) {
  std::string text = "model:\n  params:\n";
  if (description.unet) text += noise_yaml(description);
  if (description.vae) text += fmt::format("    scale_factor: {}\n", description.vae->scale_factor);
  if (description.unet) text += unet_yaml(*description.unet);
  if (!description.vae_path.empty())
    text += fmt::format("    first_stage_config:\n      params:\n        ckpt_path: {}\n", description.vae_path);
  if (!description.text_path.empty())
    text += fmt::format("    cond_stage_config:\n      params:\n        ckpt_path: {}\n", description.text_path);
  if (description.vae) {
    const VaeConfig& vae = *description.vae;
    text += fmt::format(
        "    first_stage_config:\n"
        "      params:\n"
        "        embed_dim: {}\n"
        "        ddconfig:\n"
        "          double_z: true\n"
        "          z_channels: {}\n"
        "          in_channels: {}\n"
        "          out_ch: {}\n"
        "          ch: {}\n"
        "          ch_mult: [{}]\n"
        "          num_res_blocks: {}\n"
        "          attn_resolutions: []\n"
        "          groups: {}\n",
        vae.embed_dim, vae.z_channels, vae.in_channels, vae.out_ch, vae.ch, fmt::join(vae.ch_mult, ", "),
        vae.num_res_blocks, vae.groups);
  }
  if (description.text) {
    const TextConfig& clip = *description.text;
    text += fmt::format(
        "    cond_stage_config:\n"
        "      params:\n"
        "        layer: \"{}\"\n"
        "        heads: {}\n"
        "        activation: {}\n"
        "        padding_id: {}\n",
        clip.used_layers < clip.layers ? "penultimate" : "last", clip.heads,
        clip.activation == TextActivation::gelu ? "gelu" : "quick_gelu", clip.padding_id);
  }
  if (description.depth) {
    const DepthConfig& depth = *description.depth;
    text += fmt::format(
        "    depth_stage_config:\n"
        "      params:\n"
        "        trained_size: {}\n"
        "        heads: {}\n"
        "        taps: [{}, {}]\n"
        "        groups: {}\n",
        depth.trained_size, depth.heads, depth.taps[0], depth.taps[1], depth.groups);
  }
  if (description.low_beta_start || description.max_noise_level)
    text += fmt::format(
        "    low_scale_config:\n"
        "      params:\n"
        "        noise_schedule_config:\n"
        "          linear_start: {}\n"
        "          linear_end: {}\n"
        "          timesteps: {}\n"
        "        max_noise_level: {}\n",
        description.low_beta_start.value_or(description.beta_start),
        description.low_beta_end.value_or(description.beta_end), description.train_steps,
        description.max_noise_level.value_or(350));
  if (description.image)
    text += fmt::format(
        "    embedder_config:\n"
        "      params:\n"
        "        heads: {}\n"
        "        activation: {}\n",
        description.image->heads, description.image->activation == TextActivation::gelu ? "gelu" : "quick_gelu");
  return text;
}

}  // namespace calotype

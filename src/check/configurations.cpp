#include "check/configurations.h"

#include <algorithm>

#include "base/error.h"

namespace calotype::checker {
namespace {

int64_t integer(const json& words, const char* key) {
  const std::optional<double> value = optional_number(words, key);
  require(value.has_value(), ErrorKind::bad_file, "configuration: {} is missing", key);
  return static_cast<int64_t>(*value);
}

int64_t integer_or(const json& words, const char* key, int64_t fallback) {
  return static_cast<int64_t>(optional_number(words, key).value_or(static_cast<double>(fallback)));
}

TextActivation activation_of(const std::string& name) {
  if (name.empty() || name == "gelu") return TextActivation::gelu;
  require(name == "quick_gelu", ErrorKind::unsupported, "configuration: the activation {} is unknown", name);
  return TextActivation::quick_gelu;
}

/// Of a tower: `heads`, or width / `head_width`.
int64_t heads_of(const json& words, int64_t width) {
  const int64_t heads = integer_or(words, "heads", 0);
  if (heads > 0) return heads;
  return width / integer(words, "head_width");
}

void at_least_one(std::initializer_list<int64_t> values) {
  for (const int64_t value : values)
    require(value >= 1, ErrorKind::bad_file, "configuration: {} is no size of anything", value);
}

}  // namespace

UNetConfig unet_config(const json& words) {
  UNetConfig config;
  config.in_channels = integer(words, "in_channels");
  config.out_channels = integer(words, "out_channels");
  config.model_channels = integer(words, "model_channels");
  config.channel_mult = words.at("channel_mult").get<std::vector<int64_t>>();
  config.num_res_blocks = integer(words, "num_res_blocks");
  config.attention_resolutions = words.at("attention_resolutions").get<std::vector<int64_t>>();
  config.num_heads = std::max<int64_t>(0, integer_or(words, "num_heads", 0));
  config.num_head_channels = integer_or(words, "num_head_channels", config.num_heads > 0 ? 1 : 0);
  config.context_dim = integer(words, "context_dim");
  config.use_linear_in_transformer = words.value("use_linear_in_transformer", false);
  if (words.contains("disable_self_attentions") && words["disable_self_attentions"].is_array())
    config.disable_self_attentions = words["disable_self_attentions"].get<std::vector<bool>>();
  if (const int64_t vector = integer_or(words, "adm_in_channels", 0); vector > 0) {
    config.class_input = ClassInput::vector;
    config.class_size = vector;
  } else if (const int64_t levels = integer_or(words, "num_classes", 0); levels > 0) {
    config.class_input = ClassInput::level;
    config.class_size = levels;
  }
  config.groups = integer_or(words, "groups", 32);
  require(integer_or(words, "transformer_depth", 1) == 1, ErrorKind::unsupported,
          "configuration: transformers of more than one block are not Stable Diffusion 1 or 2");
  at_least_one({config.in_channels, config.out_channels, config.model_channels, config.levels(), config.num_res_blocks,
                config.context_dim, config.groups, config.num_heads + config.num_head_channels});
  return config;
}

VaeConfig vae_config(const json& words) {
  VaeConfig config;
  config.in_channels = integer_or(words, "in_channels", 3);
  config.out_ch = integer_or(words, "out_ch", 3);
  config.ch = integer(words, "ch");
  config.ch_mult = words.at("ch_mult").get<std::vector<int64_t>>();
  config.num_res_blocks = integer(words, "num_res_blocks");
  config.z_channels = integer(words, "z_channels");
  config.embed_dim = integer_or(words, "embed_dim", config.z_channels);
  config.groups = integer_or(words, "groups", 32);
  config.scale_factor = optional_number(words, "scale_factor").value_or(config.scale_factor);
  at_least_one({config.ch, config.levels(), config.num_res_blocks, config.z_channels, config.embed_dim, config.groups});
  return config;
}

TextConfig open_clip_config(const json& words, const std::string& activation) {
  TextConfig config;
  config.vocab_size = integer_or(words, "vocab_size", 49408);
  config.context_length = integer_or(words, "context_length", 77);
  config.width = integer(words, "width");
  config.layers = integer(words, "layers");
  config.used_layers = std::max<int64_t>(1, config.layers - 1);
  config.heads = heads_of(words, config.width);
  config.mlp_width = integer_or(words, "mlp_width", 4 * config.width);
  config.activation = activation_of(word(words, "activation", activation));
  config.projection_width = integer_or(words, "embed_dim", config.width);
  config.padding_id = static_cast<int32_t>(integer_or(words, "pad_id", 0));
  at_least_one({config.vocab_size, config.context_length, config.width, config.layers, config.heads, config.mlp_width});
  return config;
}

TextConfig clip_l_config(const json& words) {
  TextConfig config;
  config.vocab_size = integer_or(words, "vocab_size", 49408);
  config.context_length = integer_or(words, "max_position_embeddings", 77);
  config.width = integer(words, "hidden_size");
  config.layers = config.used_layers = integer(words, "num_hidden_layers");
  config.heads = integer(words, "num_attention_heads");
  config.mlp_width = integer_or(words, "intermediate_size", 4 * config.width);
  config.activation = activation_of(word(words, "hidden_act", "quick_gelu"));
  config.padding_id = static_cast<int32_t>(integer_or(words, "pad_id", 49407));
  at_least_one({config.vocab_size, config.context_length, config.width, config.layers, config.heads, config.mlp_width});
  return config;
}

ImageTowerConfig image_config(const json& words, const std::string& activation) {
  ImageTowerConfig config;
  config.image_size = integer(words, "image_size");
  config.patch_size = integer(words, "patch_size");
  config.width = integer(words, "width");
  config.layers = integer(words, "layers");
  config.heads = heads_of(words, config.width);
  config.mlp_width = integer_or(words, "mlp_width", 4 * config.width);
  config.activation = activation_of(word(words, "activation", activation));
  config.projection_width = integer(words, "embed_dim");
  at_least_one({config.image_size, config.patch_size, config.width, config.layers, config.heads, config.mlp_width});
  return config;
}

DepthConfig depth_config(const json& words) {
  DepthConfig config;
  config.trained_size = integer(words, "trained_size");
  config.stem_channels = integer(words, "stem_channels");
  config.stage_depths = words.at("stage_depths").get<std::vector<int64_t>>();
  config.stage_channels = words.at("stage_channels").get<std::vector<int64_t>>();
  config.groups = integer_or(words, "groups", 32);
  config.width = integer(words, "vit_width");
  config.layers = integer(words, "vit_depth");
  config.heads = integer(words, "vit_heads");
  config.mlp_width = integer_or(words, "vit_mlp_width", 4 * config.width);
  const auto taps = words.at("vit_taps").get<std::vector<int64_t>>();
  require(taps.size() == 2 && config.stage_depths.size() == 3 && config.stage_channels.size() == 3,
          ErrorKind::unsupported, "configuration: a depth net of {} stages and {} taps, where DPT-hybrid has 3 and 2",
          config.stage_depths.size(), taps.size());
  config.taps = {taps[0], taps[1]};
  config.features = integer(words, "features");
  config.head_channels = integer_or(words, "head_channels", 32);
  at_least_one({config.trained_grid(), config.stem_channels, config.groups, config.width, config.layers, config.heads,
                config.mlp_width, config.features, taps[0] + 1, taps[1] + 1});
  return config;
}

TinyVaeConfig tiny_vae_config(const json& words) {
  TinyVaeConfig config;
  config.width = integer(words, "width");
  config.latent_channels = integer(words, "latent_channels");
  config.encoder_blocks = words.at("encoder_blocks").get<std::vector<int64_t>>();
  config.decoder_blocks = words.at("decoder_blocks").get<std::vector<int64_t>>();
  at_least_one({config.width, config.latent_channels, static_cast<int64_t>(config.encoder_blocks.size()),
                static_cast<int64_t>(config.decoder_blocks.size())});
  return config;
}

KeyMap block_keys(const KeyMap& whole, const std::string& ours, const std::string& sample,
                  const std::string& sample_original) {
  const KeyRow* row = whole.find(ours + sample);
  check(row != nullptr && row->original.name.ends_with(sample_original), "{}{}: not where a block's weight should be",
        ours, sample);
  const size_t cut = row->original.name.size() - sample_original.size();
  const std::string original = row->original.name.substr(0, cut);
  std::vector<KeyRow> rows;
  for (KeyRow inner : whole.rows()) {
    if (!inner.ours.starts_with(ours) || !inner.original.name.starts_with(original)) continue;
    inner.ours.erase(0, ours.size());
    inner.original.name.erase(0, cut);
    inner.diffusers = {};
    inner.older.clear();
    rows.push_back(std::move(inner));
  }
  return KeyMap(std::move(rows));
}

}  // namespace calotype::checker

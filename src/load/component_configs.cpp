#include "load/component_configs.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace calotype {
namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& object) {
  return object.dump(2) + "\n";
}

/// Channels of each level, finest first.
template <class Config>
std::vector<int64_t> channels_of(const Config& config) {
  std::vector<int64_t> channels;
  for (int64_t l = 0; l < config.levels(); ++l) channels.push_back(config.channels(l));
  return channels;
}

const char* pipeline_of(Family family, int64_t in_channels) {
  if (family == Family::x4_upscaler) return "StableDiffusionUpscalePipeline";
  if (in_channels == 9) return "StableDiffusionInpaintPipeline";
  return in_channels == 5 ? "StableDiffusionDepth2ImgPipeline" : "StableDiffusionPipeline";
}

}  // namespace

std::string unet_config_json(const UNetConfig& config, int64_t latent_size) {
  std::vector<std::string> down, up;
  std::vector<int64_t> heads;
  for (int64_t l = 0; l < config.levels(); ++l) {
    down.emplace_back(config.attends(l) ? "CrossAttnDownBlock2D" : "DownBlock2D");
    up.emplace_back(config.attends(l) ? "CrossAttnUpBlock2D" : "UpBlock2D");
    // Their word says width and means the number of heads.
    heads.push_back(config.num_heads > 0 ? config.num_heads
                                         : config.channels(l) / std::max<int64_t>(1, config.num_head_channels));
  }
  std::ranges::reverse(up);
  const bool same = std::ranges::all_of(heads, [&](int64_t count) { return count == heads[0]; });
  ordered_json json{{"_class_name", "UNet2DConditionModel"}, {"_diffusers_version", "0.14.0"}, {"act_fn", "silu"}};
  if (same)
    json["attention_head_dim"] = heads[0];
  else
    json["attention_head_dim"] = heads;
  json["block_out_channels"] = channels_of(config);
  json["center_input_sample"] = false;
  if (config.class_input == ClassInput::level) json["num_class_embeds"] = config.class_size;
  if (config.class_input == ClassInput::vector) {
    json["class_embed_type"] = "projection";
    json["projection_class_embeddings_input_dim"] = config.class_size;
  }
  json["cross_attention_dim"] = config.context_dim;
  json["down_block_types"] = down;
  json["downsample_padding"] = 1;
  json["dual_cross_attention"] = false;
  json["flip_sin_to_cos"] = true;
  json["freq_shift"] = 0;
  json["in_channels"] = config.in_channels;
  json["layers_per_block"] = config.num_res_blocks;
  json["mid_block_scale_factor"] = 1;
  json["norm_eps"] = 1e-5;
  json["norm_num_groups"] = config.groups;
  if (config.disable_self_attentions.empty())
    json["only_cross_attention"] = false;
  else
    json["only_cross_attention"] = config.disable_self_attentions;
  json["out_channels"] = config.out_channels;
  json["sample_size"] = latent_size;
  json["up_block_types"] = up;
  json["use_linear_projection"] = config.use_linear_in_transformer;
  return text_of(json);
}

std::string vae_config_json(const VaeConfig& config, int64_t picture_size) {
  const auto levels = static_cast<size_t>(config.levels());
  return text_of({{"_class_name", "AutoencoderKL"},
                  {"_diffusers_version", "0.14.0"},
                  {"act_fn", "silu"},
                  {"block_out_channels", channels_of(config)},
                  {"down_block_types", std::vector<std::string>(levels, "DownEncoderBlock2D")},
                  {"in_channels", config.in_channels},
                  {"latent_channels", config.embed_dim},
                  {"layers_per_block", config.num_res_blocks},
                  {"norm_num_groups", config.groups},
                  {"out_channels", config.out_ch},
                  {"sample_size", picture_size},
                  {"scaling_factor", config.scale_factor},
                  {"up_block_types", std::vector<std::string>(levels, "UpDecoderBlock2D")}});
}

std::string text_config_json(const TextConfig& config) {
  return text_of({{"architectures", {"CLIPTextModel"}},
                  {"attention_dropout", 0.0},
                  {"bos_token_id", 0},
                  {"eos_token_id", 2},
                  {"hidden_act", config.activation == TextActivation::gelu ? "gelu" : "quick_gelu"},
                  {"hidden_size", config.width},
                  {"initializer_factor", 1.0},
                  {"initializer_range", 0.02},
                  {"intermediate_size", config.mlp_width},
                  {"layer_norm_eps", 1e-5},
                  {"max_position_embeddings", config.context_length},
                  {"model_type", "clip_text_model"},
                  {"num_attention_heads", config.heads},
                  {"num_hidden_layers", config.used_layers},
                  {"pad_token_id", 1},
                  {"projection_dim", config.width},
                  {"vocab_size", config.vocab_size}});
}

std::string scheduler_config_json(const ModelSettings& settings, Prediction prediction) {
  ordered_json json{{"_class_name", "DDIMScheduler"},
                    {"_diffusers_version", "0.14.0"},
                    {"beta_end", settings.beta_end.value_or(0.012)},
                    {"beta_schedule", settings.beta_schedule.value_or("scaled_linear")},
                    {"beta_start", settings.beta_start.value_or(0.00085)},
                    {"clip_sample", false},
                    {"num_train_timesteps", settings.train_steps.value_or(1000)},
                    {"prediction_type", prediction == Prediction::v_prediction ? "v_prediction"
                                        : prediction == Prediction::sample     ? "sample"
                                                                               : "epsilon"},
                    {"set_alpha_to_one", false},
                    {"skip_prk_steps", true},
                    {"steps_offset", 1},
                    {"trained_betas", nullptr}};
  if (settings.zero_terminal_snr.value_or(false)) {
    json["rescale_betas_zero_snr"] = true;
    json["timestep_spacing"] = "trailing";
  } else if (settings.timestep_spacing) {
    json["timestep_spacing"] = *settings.timestep_spacing;
  }
  return text_of(json);
}

std::string model_index_json(const ModelFiles& model, bool unet, bool vae, bool text) {
  const auto component = [](bool there, const char* library, const char* name) {
    return there ? ordered_json{library, name} : ordered_json{nullptr, nullptr};
  };
  const int64_t channels = model.has(PartKind::unet) ? model.found().unet->config.in_channels : 4;
  return text_of({{"_class_name", pipeline_of(model.found().family, channels)},
                  {"_diffusers_version", "0.14.0"},
                  {"feature_extractor", component(false, "", "")},
                  {"requires_safety_checker", false},
                  {"safety_checker", component(false, "", "")},
                  {"scheduler", component(unet, "diffusers", "DDIMScheduler")},
                  {"text_encoder", component(text, "transformers", "CLIPTextModel")},
                  {"tokenizer", component(text, "transformers", "CLIPTokenizer")},
                  {"unet", component(unet, "diffusers", "UNet2DConditionModel")},
                  {"vae", component(vae, "diffusers", "AutoencoderKL")}});
}

}  // namespace calotype

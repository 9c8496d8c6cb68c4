#include "base/error.h"
#include "load/formula_file.h"

namespace calotype {
namespace {

TextConfig open_clip_h() {
  TextConfig text;
  text.projection_width = text.width;
  return text;
}

TextConfig clip_l() {
  return {.width = 768,
          .layers = 12,
          .used_layers = 12,
          .heads = 12,
          .mlp_width = 3072,
          .activation = TextActivation::quick_gelu,
          .padding_id = 49407};
}

UNetConfig sd1(int64_t in_channels) {
  return {.in_channels = in_channels,
          .num_heads = 8,
          .num_head_channels = 0,
          .context_dim = 768,
          .use_linear_in_transformer = false};
}

ModelDescription unclip(const ImageTowerConfig& image) {
  ModelDescription description{
      .unet = UNetConfig{.class_input = ClassInput::vector, .class_size = 2 * image.projection_width},
      .vae = VaeConfig{},
      .text = open_clip_h(),
      .image = image};
  description.prediction = Prediction::v_prediction;
  description.latent_size = 96;
  return description;
}

ModelDescription x4() {
  ModelDescription description{.unet = UNetConfig{.in_channels = 7,
                                                  .model_channels = 256,
                                                  .channel_mult = {1, 2, 2, 4},
                                                  .attention_resolutions = {2, 4, 8},
                                                  .num_heads = 8,
                                                  .num_head_channels = 0,
                                                  .disable_self_attentions = {true, true, true, false},
                                                  .class_input = ClassInput::level,
                                                  .class_size = 1000},
                               .vae = VaeConfig{.ch_mult = {1, 2, 4}, .scale_factor = 0.08333},
                               .text = open_clip_h()};
  description.prediction = Prediction::v_prediction;
  description.beta_start = 0.0001;
  description.beta_end = 0.02;
  description.latent_size = 128;
  description.low_beta_start = 0.0001;
  description.low_beta_end = 0.02;
  description.max_noise_level = 350;
  return description;
}

}  // namespace

ModelDescription description_of(ReleasedModel model) {
  ModelDescription plain{.unet = UNetConfig{}, .vae = VaeConfig{}, .text = open_clip_h()};
  switch (model) {
    case ReleasedModel::base:
    case ReleasedModel::turbo:
      return plain;
    case ReleasedModel::v:
      plain.prediction = Prediction::v_prediction;
      plain.latent_size = 96;
      return plain;
    case ReleasedModel::inpainting:
      plain.unet->in_channels = 9;
      return plain;
    case ReleasedModel::depth:
      plain.unet->in_channels = 5;
      plain.depth = DepthConfig{};
      return plain;
    case ReleasedModel::x4:
      return x4();
    case ReleasedModel::unclip_h:
      return unclip({});
    case ReleasedModel::unclip_l:
      return unclip({.width = 1024,
                     .layers = 24,
                     .heads = 16,
                     .mlp_width = 4096,
                     .activation = TextActivation::quick_gelu,
                     .projection_width = 768});
    case ReleasedModel::sd1:
      return {.unet = sd1(4), .vae = VaeConfig{}, .text = clip_l()};
    case ReleasedModel::sd1_inpainting:
      return {.unet = sd1(9), .vae = VaeConfig{}, .text = clip_l()};
  }
  fail(ErrorKind::internal, "a released model of another kind");
}

}  // namespace calotype

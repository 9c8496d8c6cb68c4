#include "pipeline/tiny_model.h"

#include "io/settings.h"
#include "load/formula_file.h"

namespace calotype::testing {

std::filesystem::path write_tiny_model(const std::filesystem::path& path, Prediction prediction, bool zero_terminal_snr,
                                       DType dtype, TinyKind kind) {
  ModelDescription description;
  description.prediction = prediction;
  description.zero_terminal_snr = zero_terminal_snr;
  description.latent_size = 8;
  description.unet = UNetConfig{.model_channels = 32,
                                .channel_mult = {1, 2},
                                .num_res_blocks = 1,
                                .attention_resolutions = {2, 1},
                                .num_head_channels = 16,
                                .context_dim = 32,
                                .groups = 8};
  description.vae = VaeConfig{.ch = 16, .ch_mult = {1, 1, 2, 2}, .num_res_blocks = 1, .groups = 8};
  if (kind == TinyKind::depth) {
    description.unet->in_channels = 5;
    description.depth = DepthConfig{.trained_size = 64,
                                    .stem_channels = 16,
                                    .stage_depths = {1, 1, 1},
                                    .stage_channels = {32, 64, 128},
                                    .groups = 8,
                                    .width = 32,
                                    .layers = 2,
                                    .heads = 2,
                                    .mlp_width = 64,
                                    .taps = {0, 1},
                                    .features = 16};
  }
  if (kind == TinyKind::inpainting) description.unet->in_channels = 9;
  if (kind == TinyKind::upscaler) {
    description.unet->in_channels = 7;
    description.unet->class_input = ClassInput::level;
    description.unet->class_size = 1000;
    description.vae->ch_mult = {1, 1, 2};
    description.vae->scale_factor = 0.08333;
    description.beta_start = 0.0001;
    description.beta_end = 0.02;
  }
  description.text = TextConfig{.width = 32, .layers = 3, .used_layers = 2, .heads = 2, .mlp_width = 64};
  write_formula_model(path, description, dtype);
  return path;
}

}  // namespace calotype::testing

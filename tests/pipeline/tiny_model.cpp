#include "pipeline/tiny_model.h"

#include <fstream>

#include "io/settings.h"
#include "load/formula_file.h"

namespace calotype::testing {

std::filesystem::path write_tiny_model(const std::filesystem::path& path, Prediction prediction, bool zero_terminal_snr,
                                       DType dtype) {
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
  description.text = TextConfig{.width = 32, .layers = 3, .used_layers = 2, .heads = 2, .mlp_width = 64};
  write_formula_file(
      path, {formula_part(*description.unet), formula_part(*description.vae), formula_part(*description.text)}, dtype);
  std::ofstream(std::filesystem::path(path).replace_extension(".yaml")) << original_yaml(description);
  return path;
}

}  // namespace calotype::testing

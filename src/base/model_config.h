#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace calotype {

/// What is added to the time embedding beside the time (x4 upscaler: a noise level; unCLIP: an image vector).
enum class ClassInput { none, level, vector };

/// The UNet of Stable Diffusion, in the words of the original yaml. Defaults are SD 2 base.
struct UNetConfig {
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  int64_t model_channels = 320;
  std::vector<int64_t> channel_mult = {1, 2, 4, 4};  // one a level, the finest first
  int64_t num_res_blocks = 2;
  std::vector<int64_t> attention_resolutions = {4, 2, 1};  // down factors, not pixels
  int64_t num_heads = 0;                                   // 0: channels / num_head_channels
  int64_t num_head_channels = 64;
  int64_t context_dim = 1024;
  bool use_linear_in_transformer = true;           // how proj_in and proj_out lie in a file: [C, C] or [C, C, 1, 1]
  std::vector<bool> disable_self_attentions = {};  // per level; such a level attends to the context twice
  ClassInput class_input = ClassInput::none;
  int64_t class_size = 0;  // rows of the level table, or width of the vector
  int64_t groups = 32;     // of every group norm

  int64_t levels() const { return static_cast<int64_t>(channel_mult.size()); }
  /// Input blocks, the first convolution and the steps down among them; as many output blocks.
  int64_t blocks() const { return levels() * (num_res_blocks + 1); }
  int64_t channels(int64_t level) const { return model_channels * channel_mult[level]; }
  int64_t time_width() const { return 4 * model_channels; }
  bool attends(int64_t level) const;
  bool self_attends(int64_t level) const;
  int64_t heads(int64_t channels) const;
};

/// The autoencoder (Rombach et al. 2022, KL-f8 and KL-f4), in the words of the original yaml. Defaults are f8.
struct VaeConfig {
  int64_t in_channels = 3;
  int64_t out_ch = 3;
  int64_t ch = 128;
  std::vector<int64_t> ch_mult = {1, 2, 4, 4};
  int64_t num_res_blocks = 2;
  int64_t z_channels = 4;
  int64_t embed_dim = 4;
  int64_t groups = 32;
  double scale_factor = 0.18215;  // diffusion latent = scale_factor * z

  int64_t levels() const { return static_cast<int64_t>(ch_mult.size()); }
  int64_t channels(int64_t level) const { return ch * ch_mult[level]; }
  int64_t downscale() const { return int64_t{1} << (levels() - 1); }  // pixels a latent cell
};

enum class TextActivation { gelu, quick_gelu };

/// A CLIP text tower. Defaults are OpenCLIP ViT-H/14 as Stable Diffusion 2 uses it.
struct TextConfig {
  int64_t vocab_size = 49408;
  int64_t context_length = 77;
  int64_t width = 1024;
  int64_t layers = 24;       // blocks in the file
  int64_t used_layers = 23;  // blocks that run before the final norm
  int64_t heads = 16;
  int64_t mlp_width = 4096;
  TextActivation activation = TextActivation::gelu;
  int32_t padding_id = 0;        // SD 1: 49407
  int64_t projection_width = 0;  // of text_projection; 0: none
};

/// A CLIP image tower (ViT). Defaults are OpenCLIP ViT-H/14.
struct ImageTowerConfig {
  int64_t image_size = 224;
  int64_t patch_size = 14;
  int64_t width = 1280;
  int64_t layers = 32;
  int64_t heads = 16;
  int64_t mlp_width = 5120;
  TextActivation activation = TextActivation::gelu;
  int64_t projection_width = 1024;
};

/// The depth estimator DPT-hybrid (Ranftl et al. 2021, "Vision transformers for dense prediction"): three stages of a
/// residual network under a vision transformer. Defaults are MiDaS 3.0's, which is the one in 512-depth-ema.
struct DepthConfig {
  int64_t trained_size = 384;  // pixels a side of the square it was trained on: the grid of its positions
  int64_t stem_channels = 64;
  std::vector<int64_t> stage_depths = {3, 4, 9};  // blocks, one number a stage
  std::vector<int64_t> stage_channels = {256, 512, 1024};
  int64_t groups = 32;  // of every group norm
  int64_t width = 768;  // of the transformer
  int64_t layers = 12;
  int64_t heads = 12;
  int64_t mlp_width = 3072;
  std::array<int64_t, 2> taps = {8, 11};  // the blocks that the decoder reads, counted from 0
  int64_t features = 256;                 // of the decoder
  int64_t head_channels = 32;             // before the last convolution

  static constexpr int64_t kPatch = 16;  // pixels a token
  int64_t trained_grid() const { return trained_size / kPatch; }
};

/// The small autoencoder of previews (TAESD): same latents, a hundredth of the work. Defaults are the released one's.
struct TinyVaeConfig {
  int64_t width = 64;
  int64_t latent_channels = 4;
  std::vector<int64_t> encoder_blocks = {1, 3, 3, 3};  // of each resolution, the finest first
  std::vector<int64_t> decoder_blocks = {3, 3, 3, 1};  // the coarsest first

  /// Pixels a side that become one cell of the latents.
  int64_t downscale() const { return int64_t{1} << (decoder_blocks.size() - 1); }
};

}  // namespace calotype

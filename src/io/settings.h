#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/model_config.h"
#include "base/prediction.h"
#include "io/recognise.h"

namespace calotype {

/// What stands beside the weights, in a yaml or in a folder's config files: what no shape tells, and a few things that
/// shapes tell too, to compare. What is not said is empty.
struct ModelSettings {
  std::string source;  // the file it comes from, for messages

  // of the noise process
  std::optional<Prediction> prediction;
  std::optional<double> beta_start, beta_end;
  std::optional<std::string> beta_schedule;  // in diffusers' words: "scaled_linear", "linear", "squaredcos_cap_v2"
  std::optional<int64_t> train_steps;
  std::optional<std::string> scheduler;         // a folder's: the class' name
  std::optional<std::string> timestep_spacing;  // a folder's: "leading", "trailing", "linspace"
  std::optional<int64_t> steps_offset;
  std::optional<bool> set_alpha_to_one;
  std::optional<bool> zero_terminal_snr;  // the schedule's last step leaves no signal

  // of the UNet
  std::optional<int64_t> in_channels, model_channels, context_dim;  // compared with the shapes
  std::optional<int64_t> num_heads, num_head_channels, unet_groups;
  std::vector<int64_t> heads_of_levels;  // diffusers' list: heads on each level
  std::optional<std::vector<bool>> disable_self_attentions;
  std::optional<int64_t> latent_size;  // native, in cells

  // of the autoencoder
  std::optional<double> scale_factor;
  std::optional<int64_t> vae_groups;
  std::optional<std::string> vae_path;  // a file of its own, relative to the yaml

  // of the text tower
  std::optional<int64_t> text_heads, unused_layers;  // blocks at the end that don't run
  std::optional<TextActivation> activation;
  std::optional<int64_t> padding_id;
  std::optional<std::string> text_path;  // a file of its own, relative to the yaml

  // of the depth net
  std::optional<int64_t> depth_heads, depth_groups, depth_size;
  std::optional<std::array<int64_t, 2>> depth_taps;
  std::optional<int64_t> depth_resample;  // a folder's: Pillow's number of the filter that makes the net's square

  // of the upscaler's noise on the small picture
  std::optional<double> low_beta_start, low_beta_end;
  std::optional<int64_t> low_train_steps, max_noise_level;

  // of unCLIP: the image tower, and the noise on what it gives
  std::optional<int64_t> image_heads, image_train_steps;
  std::optional<TextActivation> image_activation;
  std::optional<std::string> image_beta_schedule;
  std::optional<std::string> statistics_path;  // mean and deviation of embeddings, relative to the yaml

  bool turbo = false;  // distilled for one to four steps without guidance
};

/// Reads a yaml in the words of the original training code (`model.params.unet_config.params...`); JSON is yaml too.
/// Words of our own where those have none: `zero_terminal_snr` in `params`, `groups` in `unet_config.params` and
/// `ddconfig`, `heads`, `activation`, `padding_id` and `ckpt_path` in `cond_stage_config.params`, `trained_size`,
/// `heads`, `taps` and `groups` in `depth_stage_config.params`, `heads` and `activation` in `embedder_config.params`.
/// At most 1 MB, 64 levels, no aliases. Throws `bad_file`.
ModelSettings settings_from_yaml(std::string_view text, std::string_view where);

/// The same of a file. Throws `bad_file`.
ModelSettings read_settings(const std::filesystem::path& yaml);

/// The yaml beside a single file: same folder, same stem. Nothing where there is none.
std::optional<ModelSettings> settings_beside(const std::filesystem::path& weights);

/// What a file's metadata say: `modelspec.prediction_type` (GGUF: `sd.prediction_type`), whether its title or
/// architecture is a turbo model's, and in files of ours `calotype.config`, which holds the yaml. Throws `bad_file`
/// where they are damaged.
ModelSettings settings_from_metadata(const std::map<std::string, std::string>& metadata, std::string_view where);

/// The config files of a diffusers folder as text; empty where there is none.
struct FolderConfigs {
  std::string unet, vae, text_encoder, scheduler;
  std::string depth_estimator = {}, feature_extractor = {}, image_encoder = {};
  std::string low_res_scheduler = {}, image_noising_scheduler = {}, model_index = {};
};

/// What they say. Throws `bad_file`, `unsupported`, naming the file below `folder`.
ModelSettings settings_from_configs(const FolderConfigs& configs, const std::string& folder);
ModelSettings settings_from_folder(const std::filesystem::path& folder);
/// Those of an autoencoder in a folder of its own, from the `config.json` in it.
ModelSettings settings_from_component(const std::filesystem::path& folder);

/// Fills in what the shapes left open and overrules what the family suggests. Throws `bad_file` where a setting
/// contradicts a shape, naming both.
void apply(const ModelSettings& settings, Recognised& found);

/// Throws `bad_file` where heads or groups of a found network are still unknown, or don't divide its channels.
void require_complete(const Recognised& found, std::string_view where);

/// The yaml for a model of ours, or for a part of one, in the same words; what `settings_from_yaml` reads back. The
/// noise process is written with the UNet.
struct ModelDescription {
  std::optional<UNetConfig> unet = {};
  std::optional<VaeConfig> vae = {};
  std::optional<TextConfig> text = {};
  std::optional<DepthConfig> depth = {};
  std::optional<ImageTowerConfig> image = {};
  Prediction prediction = Prediction::epsilon;
  double beta_start = 0.00085, beta_end = 0.012;
  int64_t train_steps = 1000;
  int64_t latent_size = 64;
  bool zero_terminal_snr = false;
  std::string vae_path = {}, text_path = {};  // files of their own, relative to the yaml
  std::optional<double> low_beta_start = {}, low_beta_end = {};
  std::optional<int64_t> max_noise_level = {};
};
std::string original_yaml(const ModelDescription& description);

}  // namespace calotype

#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/recognise.h"
#include "io/settings.h"
#include "load/adapters.h"
#include "load/mapped_weights.h"
#include "models/clip.h"
#include "models/unet.h"
#include "models/vae.h"

namespace calotype {

/// How noise was added in training, in plain numbers.
struct NoiseProcess {
  std::string beta_schedule = "scaled_linear";  // diffusers' words
  double beta_start = 0.00085, beta_end = 0.012;
  int64_t train_steps = 1000;
  bool zero_terminal_snr = false;
};

/// A whole model, ready to draw: immutable, so several threads may share it. Its weights are mapped.
struct StableDiffusion {
  std::string name;  // the file's or folder's stem
  Family family = Family::other;
  Prediction prediction = Prediction::epsilon;
  std::string prediction_source;  // how that is known, for the user
  NoiseProcess noise;
  std::optional<std::string> timestep_spacing;  // where a folder's scheduler says it
  int64_t latent_size = 64;                     // native, in cells
  Precision precision = Precision::f32;         // of linear layers and attention
  std::unique_ptr<UNet> unet;
  std::unique_ptr<Vae> vae;
  std::unique_ptr<TextEncoder> text;
  std::vector<AdapterReport> adapters;                    // what became of those that were asked for
  MappedWeights unet_weights, vae_weights, text_weights;  // to be let go when a network's work is done

  /// Pixels a side at which the model was trained.
  int64_t native_size() const { return latent_size * vae->config.downscale(); }
};

struct OpenOptions {
  std::optional<Prediction> prediction = std::nullopt;  // overrules what the file says
  std::filesystem::path vae = {};                       // a file to take the autoencoder from
  std::string variant = {};                             // of a folder's files, such as "fp16"
  Precision precision = Precision::f32;                 // of all networks; in f32 where bf16 is no faster
  std::vector<AdapterUse> adapters = {};                // in the order in which they change the weights
};

/// Opens a single file in the original layout, with a yaml of its stem beside it where it needs one, or a diffusers
/// folder. Only headers are read; weights are mapped when they are used. Throws `bad_file` naming what is missing,
/// extra or misshapen, `unsupported` for what is no Stable Diffusion.
StableDiffusion open_stable_diffusion(const std::filesystem::path& path, const OpenOptions& options = {});

/// One network of a file: for trainers, which take a trained part and leave the rest.
std::unique_ptr<Vae> open_vae(const std::filesystem::path& file, Precision precision = Precision::f32);
std::unique_ptr<TextEncoder> open_text_encoder(const std::filesystem::path& file, Precision precision = Precision::f32);

}  // namespace calotype

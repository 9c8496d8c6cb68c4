#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/recognise.h"
#include "io/settings.h"
#include "load/adapters.h"
#include "load/inversions.h"
#include "load/mapped_weights.h"
#include "models/clip.h"
#include "models/dpt.h"
#include "models/taesd.h"
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

/// What an x4 upscaler lays on the small picture.
struct LowScaleNoise {
  NoiseProcess noise{.beta_start = 0.0001, .beta_end = 0.02};
  int64_t max_level = 350;  // of a level, 0 to this
};

/// What unCLIP's network knows of a picture: a tower's embedding with noise on it (Ramesh et al. 2022).
struct ImageConditioning {
  std::unique_ptr<ImageTower> tower;
  NoiseProcess noise{.beta_schedule = "squaredcos_cap_v2"};
  Tensor mean, deviation;  // [projection_width] of embeddings; none: 0 and 1
};

/// A whole model, ready to draw: immutable, so several threads may share it. Its weights are mapped.
struct StableDiffusion {
  std::string name;  // the file's or folder's stem
  Family family = Family::other;
  Prediction prediction = Prediction::epsilon;
  std::string prediction_source;  // how that is known, for the user
  NoiseProcess noise;
  // What a folder's scheduler says about drawing, in diffusers' words.
  std::optional<std::string> scheduler, timestep_spacing;
  std::optional<int64_t> steps_offset;
  std::optional<bool> set_alpha_to_one;
  int64_t latent_size = 64;              // native, in cells
  std::vector<std::string> notes;        // what was chosen and should be said, a line each
  Precision precision = Precision::f32;  // of linear layers and attention
  std::unique_ptr<UNet> unet;
  std::unique_ptr<Vae> vae;
  std::unique_ptr<TextEncoder> text;
  std::vector<AdapterReport> adapters;  // what became of those that were asked for
  bool turbo = false;                   // distilled for one to four steps without guidance

  // What only some kinds have.
  std::unique_ptr<DepthNet> depth;  // of a depth model
  bool depth_bicubic = false;       // the filter that makes the depth net's square; else bilinear
  LowScaleNoise low_scale;          // of an x4 upscaler
  ImageConditioning image;          // of unCLIP
  // To be let go when a network's work is done; empty where there is no such network.
  MappedWeights unet_weights, vae_weights, text_weights, depth_weights, image_weights;

  Inversions inversions;  // words that prompts may use for vectors of the text tower; none at first

  /// Pixels a side at which the model was trained.
  int64_t native_size() const { return latent_size * vae->config.downscale(); }
};

struct OpenOptions {
  std::optional<Prediction> prediction = std::nullopt;  // overrules what the file says
  std::filesystem::path vae = {};                       // a file or folder to take the autoencoder from
  std::string variant = {};                             // of a folder's files, such as "fp16"
  std::filesystem::path config = {};                    // a yaml instead of the one beside a single file
  Precision precision = Precision::f32;                 // of all networks; in f32 where bf16 is no faster
  std::vector<AdapterUse> adapters = {};                // in the order in which they change the weights
};

/// Opens a single file in the original layout (safetensors, PyTorch's, GGUF), with a yaml of its stem beside it where
/// it needs one, or a diffusers folder. Only headers are read; weights are mapped when they are used. Throws `bad_file`
/// naming what is missing, extra or misshapen, `unsupported` for what is no Stable Diffusion.
StableDiffusion open_stable_diffusion(const std::filesystem::path& path, const OpenOptions& options = {});

/// One network of a file: for trainers, which take a trained part and leave the rest.
std::unique_ptr<Vae> open_vae(const std::filesystem::path& path, Precision precision = Precision::f32);
std::unique_ptr<TextEncoder> open_text_encoder(const std::filesystem::path& file, Precision precision = Precision::f32);

/// A depth net from 512-depth-ema, from MiDaS' own file, from a diffusers folder or from its `depth_estimator`. Throws
/// `bad_file` where there is none.
std::unique_ptr<DepthNet> open_depth_net(const std::filesystem::path& path);

/// The way up, and the way down, of a small autoencoder (TAESD), in the layout of its authors or of diffusers; the file
/// may hold either half or both. Throws `bad_file` where that half is missing.
std::unique_ptr<TinyDecoder> open_tiny_decoder(const std::filesystem::path& file);
std::unique_ptr<TinyEncoder> open_tiny_encoder(const std::filesystem::path& file);

/// The depth net of a model. Throws `bad_file` where it has none, saying what to do.
const DepthNet& depth_net_of(const StableDiffusion& model);

/// The image tower of unCLIP, with the statistics that its embeddings need. Throws `bad_file` where one of them is
/// missing.
const ImageConditioning& image_conditioning_of(const StableDiffusion& model);

}  // namespace calotype

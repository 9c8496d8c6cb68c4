#pragma once

#include <string>

#include "base/model_config.h"
#include "load/model_files.h"

namespace calotype {

// The configuration files of a diffusers folder, as JSON.

std::string unet_config_json(const UNetConfig& config, int64_t latent_size);
std::string vae_config_json(const VaeConfig& config, int64_t picture_size);
/// Of the blocks that run.
std::string text_config_json(const TextConfig& config);
std::string scheduler_config_json(const ModelSettings& settings, Prediction prediction);
/// Which pipeline, and which of its components are there.
std::string model_index_json(const ModelFiles& model, bool unet, bool vae, bool text);

}  // namespace calotype

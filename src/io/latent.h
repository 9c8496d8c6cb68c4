#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace calotype {

/// Latents as ComfyUI's `.latent` files hold them, in the autoencoder's own units: what the sampler has, divided by the
/// scale factor.
struct Latent {
  int64_t batch = 0, channels = 4, height = 0, width = 0;
  std::vector<float> values;                    // [batch, channels, height, width]
  std::map<std::string, std::string> metadata;  // ComfyUI: `prompt`, `workflow` (graphs); ours: `parameters`
};

/// Files of the oldest version, which hold the sampler's units, are brought to the autoencoder's. Throws `bad_file`.
Latent read_latent(const std::filesystem::path& path);

/// Writes f32. Throws `cannot_write`.
void write_latent(const std::filesystem::path& path, const Latent& latent);

}  // namespace calotype

#pragma once

#include <filesystem>

#include "io/latent.h"
#include "tensor/tensor.h"

namespace calotype {

/// Scaled latents [B, h, w, C] as a file holds them: in the autoencoder's units, channels first.
Latent to_latent_file(const Tensor& latents, double scale_factor);

/// The way back. Throws `bad_file` unless the file has as many channels as the autoencoder.
Tensor from_latent_file(const Latent& latent, double scale_factor, int64_t channels, const std::filesystem::path& path);

}  // namespace calotype

#pragma once

#include <span>
#include <vector>

#include "nn/fresh_source.h"

namespace calotype {

/// A trained autoencoder's weights, changed so that its latents have mean 0 and deviation 1 / scale_factor in every
/// channel: the change is folded into the two 1x1 convolutions around the latent, and pictures stay the same. `means`
/// are latents [B, h, w, C] of typical pictures. The tensors given are left alone.
std::vector<NamedTensor> whitened(const std::vector<NamedTensor>& vae, std::span<const Tensor> means,
                                  double scale_factor);

}  // namespace calotype

#pragma once

#include <vector>

#include "base/model_config.h"
#include "models/tap.h"
#include "nn/layers.h"

namespace calotype {

/// relu(x + three convolutions of it). [B, H, W, C] -> [B, H, W, C]
struct TinyBlock {
  Conv2d conv1, conv2, conv3;

  TinyBlock(const Params& p, int64_t width);
  Tensor operator()(const Tensor& x) const;
};

/// The way down of the small autoencoder.
struct TinyEncoder {
  TinyVaeConfig config;
  Conv2d conv_in;
  std::vector<std::vector<TinyBlock>> blocks;  // of each resolution, the finest first
  std::vector<Conv2d> down;                    // between two resolutions
  Conv2d conv_out;

  TinyEncoder(const Params& p, const TinyVaeConfig& config);
  /// A picture [B, H, W, 3] in [-1, 1] -> latents [B, H / 8, W / 8, 4] as the samplers have them: scaled already.
  Tensor operator()(const Tensor& image, const Tap& tap = {}) const;
};

/// The way up: what previews draw with.
struct TinyDecoder {
  TinyVaeConfig config;
  Conv2d conv_in;
  std::vector<std::vector<TinyBlock>> blocks;  // of each resolution, the coarsest first
  std::vector<Conv2d> up;                      // between two resolutions, of the doubled map
  Conv2d conv_out;

  TinyDecoder(const Params& p, const TinyVaeConfig& config);
  /// Scaled latents [B, h, w, 4] -> [B, 8 h, 8 w, 3], about [-1, 1], not clamped.
  Tensor operator()(const Tensor& latent, const Tap& tap = {}) const;
};

}  // namespace calotype

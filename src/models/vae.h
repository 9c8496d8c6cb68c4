#pragma once

#include <optional>
#include <vector>

#include "base/model_config.h"
#include "models/tap.h"
#include "nn/layers.h"

namespace calotype {

/// A residual block without time. [B, H, W, in] -> [B, H, W, out]
struct VaeResBlock {
  GroupNorm norm1;
  Conv2d conv1;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> shortcut;  // only where the width changes

  VaeResBlock(const Params& p, int64_t in, int64_t out, int64_t groups);
  Tensor operator()(Tensor x) const;
};

/// Self-attention of all pixels, one head as wide as the map, added to its input. [B, H, W, C] -> [B, H, W, C]
struct VaeAttention {
  GroupNorm norm;
  Attention attention;

  VaeAttention(const Params& p, int64_t channels, int64_t groups);
  Tensor operator()(Tensor x) const;
};

struct VaeMiddle {
  VaeResBlock res1;
  VaeAttention attention;
  VaeResBlock res2;

  VaeMiddle(const Params& p, int64_t channels, int64_t groups);
  Tensor operator()(Tensor x, const Tap& tap) const;
};

struct VaeLevel {
  std::vector<VaeResBlock> res;
  std::optional<Conv2d> resample;  // encoder: but on the coarsest; decoder: but on the finest
};

struct VaeEncoder {
  Conv2d conv_in;
  std::vector<VaeLevel> down;  // the finest level first
  VaeMiddle mid;
  GroupNorm norm_out;
  Conv2d conv_out;

  VaeEncoder(const Params& p, const VaeConfig& config);
  /// [B, H, W, 3] -> [B, H / f, W / f, 2 z_channels]
  Tensor operator()(const Tensor& image, const Tap& tap) const;
};

/// How the decoder saves memory: its `banded_levels` finest levels are made in bands of about `band_rows` rows, with
/// the same bits and more time (models/vae_bands.h).
struct DecodePlan {
  int64_t banded_levels = 0;  // at most all but one
  int64_t band_rows = 64;
};

struct BandedLevel;

struct VaeDecoder {
  Conv2d conv_in;
  VaeMiddle mid;
  std::vector<VaeLevel> up;  // the finest level first; it runs last
  GroupNorm norm_out;
  Conv2d conv_out;

  VaeDecoder(const Params& p, const VaeConfig& config);
  /// [B, h, w, z_channels] -> [B, f h, f w, 3]; one picture where levels are banded
  Tensor operator()(const Tensor& z, const DecodePlan& plan, const Tap& tap) const;

 private:
  BandedLevel level_in_bands(size_t level) const;
};

/// The distribution of a picture's latents: independent Gaussians.
struct Posterior {
  Tensor mean;          // [B, h, w, embed_dim]
  Tensor log_variance;  // the same, as the network gives it: not clamped

  /// mean + exp(log_variance / 2) * noise, the log-variance clamped to [-30, 20].
  Tensor sample(const Tensor& noise) const;
};

/// The autoencoder between pictures and latents (Esser et al. 2021; Rombach et al. 2022).
struct Vae {
  VaeConfig config;
  VaeEncoder encoder;
  Linear quant;
  Linear post_quant;
  VaeDecoder decoder;

  Vae(const Params& p, const VaeConfig& config);
  /// A picture [B, H, W, 3] in [-1, 1] -> its latents' distribution, not scaled.
  Posterior encode(const Tensor& image, const Tap& tap = {}) const;
  /// Latents [B, h, w, embed_dim], already divided by the scale factor -> [B, f h, f w, 3], about [-1, 1], not clamped.
  Tensor decode(const Tensor& z, const Tap& tap = {}) const { return decode(z, DecodePlan(), tap); }
  Tensor decode(const Tensor& z, const DecodePlan& plan, const Tap& tap = {}) const;
};

}  // namespace calotype

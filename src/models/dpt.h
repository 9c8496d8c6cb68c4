#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/model_config.h"
#include "models/clip.h"

namespace calotype {

/// A residual block of three convolutions, a quarter as wide in the middle (He et al. 2016), whose weights are
/// standardised. [B, H, W, in] -> [B, H / stride, W / stride, out]
struct Bottleneck {
  StandardisedConv conv1;
  GroupNorm norm1;
  StandardisedConv conv2;  // takes the stride
  GroupNorm norm2;
  StandardisedConv conv3;
  GroupNorm norm3;
  std::optional<StandardisedConv> shortcut;  // in the first block of every stage
  std::optional<GroupNorm> shortcut_norm;

  Bottleneck(const Params& p, int64_t in, int64_t out, int64_t stride, bool first, int64_t groups);
  Tensor operator()(const Tensor& x) const;
};

/// Tokens of a block as a map again, each with what the class token says. [B, 1 + h w, width] -> [B, h, w, width]
struct Readout {
  Linear project;  // of a token and the class token, side by side
  Linear conv;
  std::optional<Conv2d> resize;  // to half the size

  Readout(const Params& p, int64_t width, bool halves);
  Tensor operator()(const Tensor& tokens, int64_t height, int64_t width) const;
};

/// x + two convolutions of it, each behind a ReLU. [B, H, W, C] -> [B, H, W, C]
struct ResidualUnit {
  Conv2d conv1, conv2;

  ResidualUnit(const Params& p, int64_t features);
  Tensor operator()(const Tensor& x) const;
};

/// One step up of the decoder (RefineNet, Lin et al. 2017): a finer map joins what comes from below, and both are
/// doubled. [B, H, W, C] -> [B, 2 H, 2 W, C]
struct Fusion {
  std::optional<ResidualUnit> unit1;  // of the finer map; the coarsest step has none
  ResidualUnit unit2;
  Linear out;

  Fusion(const Params& p, int64_t features, bool joins);
  Tensor operator()(const Tensor& x, const Tensor& finer = {}) const;
};

/// The depth estimator DPT-hybrid of MiDaS (Ranftl et al. 2021).
struct DepthNet {
  DepthConfig config;
  StandardisedConv stem;
  GroupNorm stem_norm;
  std::vector<std::vector<Bottleneck>> stages;
  Linear patch_proj;
  Tensor class_token;  // [1, 1, width]
  Tensor positions;    // [1, 1 + grid * grid, width], the class token's first
  std::vector<ClipBlock> blocks;
  std::vector<Readout> readouts;  // two
  std::vector<Conv2d> narrow;     // four: to the decoder's width, the finest map first
  std::vector<Fusion> fusion;     // four, the finest first; it runs last
  Conv2d head1, head2;
  Linear head3;

  DepthNet(const Params& p, const DepthConfig& config);
  /// A picture [B, H, W, 3] in [-1, 1], sides of multiples of 32 -> [B, H, W]: inverse depth up to a scale and a shift,
  /// large where it is near, never below 0.
  Tensor operator()(const Tensor& image, const Tap& tap = {}) const;

 private:
  Tensor positions_of(int64_t height, int64_t width) const;
};

}  // namespace calotype

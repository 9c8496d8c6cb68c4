#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/model_config.h"
#include "models/tap.h"
#include "nn/layers.h"

namespace calotype {

/// A residual block conditioned on time (Ho et al. 2020). x [B, H, W, in], time [B, time_width] -> [B, H, W, out]
struct ResBlock {
  GroupNorm norm1;
  Conv2d conv1;
  Linear time_proj;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> shortcut;  // only where the width changes

  ResBlock(const Params& p, int64_t in, int64_t out, const UNetConfig& config);
  Tensor operator()(Reading x, const Tensor& time) const;  // the up path calls it with concat(h, skip)
};

/// Gated linear unit with GELU (Shazeer 2020), four times as wide inside. [B, T, C] -> [B, T, C]
struct FeedForward {
  Linear in, out;

  FeedForward(const Params& p, int64_t width);
  Tensor operator()(const Reading& x, Tensor add) const;
};

/// Pixels as tokens: self-attention, attention to the context, feed-forward, each on a layer norm and added to its
/// input (Rombach et al. 2022). [B, H, W, C], context [B, S, context_dim] -> [B, H, W, C]
struct SpatialTransformer {
  GroupNorm norm;
  Linear proj_in;
  LayerNorm norm1;
  Attention self;
  LayerNorm norm2;
  Attention cross;
  LayerNorm norm3;
  FeedForward ff;
  Linear proj_out;
  bool self_attends;  // else `self` attends to the context too

  SpatialTransformer(const Params& p, int64_t channels, bool self_attends, const UNetConfig& config);
  /// `merging`: the share of tokens that self-attention goes without.
  Tensor operator()(Tensor x, const Tensor& context, const Tap& tap, double merging = 0) const;

 private:
  Tensor attend_to_itself(const Tensor& h, const Shape& shape, double merging) const;
};

/// The denoising network of Stable Diffusion 1 and 2 (Rombach et al. 2022; Ronneberger et al. 2015).
struct UNet {
  struct Level {
    std::vector<ResBlock> res;
    std::vector<SpatialTransformer> transformer;  // one a residual block, or none on this level
    std::optional<Conv2d> resample;               // down: after its blocks, but on the coarsest; up: but on the finest
  };

  UNetConfig config;
  Linear time1, time2;
  std::optional<Embedding> class_table;
  std::optional<Linear> class1, class2;
  Conv2d conv_in;
  std::vector<Level> down;  // the finest level first
  ResBlock mid_res1;
  SpatialTransformer mid_transformer;
  ResBlock mid_res2;
  std::vector<Level> up;  // the finest level first; it runs last
  GroupNorm norm_out;
  Conv2d conv_out;

  UNet(const Params& p, const UNetConfig& config);

  /// Approximations, off by default; each is exact where it is not asked for.
  struct Shortcuts {
    /// Features of an earlier call that stand in for all but the outermost blocks (Ma et al. 2023, "DeepCache"): with
    /// branch b only the input blocks up to b run, and the output blocks that read them.
    struct Features {
      int64_t branch = 0;
      Tensor kept = {};  // what enters the first of those output blocks; none: all blocks run, and this is kept
    };
    Features* features = nullptr;
    /// The share of tokens that is merged before self-attention on the finest level (Bolya and Hoffman 2023).
    double merging = 0;
  };

  struct Inputs {
    Tensor x;                          // [B, h, w, in_channels], scaled as the model expects it
    std::vector<double> times;         // one a picture, 0 to 999, or one for all
    Tensor context;                    // [Bk, tokens, context_dim]
    std::vector<int32_t> levels = {};  // class_input level: one a picture, or one for all
    Tensor vector = {};                // class_input vector: [B, class_size]
    Shortcuts shortcuts = {};
  };
  /// -> [max(B, Bk), h, w, out_channels]. Any h and w from 1 on.
  Tensor operator()(const Inputs& inputs, const Tap& tap = {}) const;

 private:
  Tensor time_embedding(const Inputs& inputs, const Tap& tap) const;
};

}  // namespace calotype

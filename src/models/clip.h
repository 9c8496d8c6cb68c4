#pragma once

#include <span>
#include <vector>

#include "base/model_config.h"
#include "models/tap.h"
#include "nn/layers.h"

namespace calotype {

/// A pre-norm transformer block (Radford et al. 2021). [B, T, width] -> [B, T, width]
struct ClipBlock {
  LayerNorm norm1;
  Attention attention;
  LayerNorm norm2;
  Linear mlp_in, mlp_out;
  Activation activation;

  ClipBlock(const Params& p, int64_t width, int64_t heads, int64_t mlp_width, TextActivation activation,
            double norm_epsilon = 1e-5);
  Tensor operator()(Tensor x, bool causal) const;
};

/// Vectors [n, width] that take the places of tokens, from place `place` of all that are encoded on.
struct InsertedVectors {
  int64_t place;
  Tensor vectors;
};

/// How a text tower is run.
struct TextRun {
  int64_t layers = -1;  // blocks that run; the default is the configuration's `used_layers`
  int64_t tokens = 0;   // ids a prompt, at most context_length, which is the default
  std::span<const InsertedVectors> inserted = {};
};

/// CLIP's text tower: causal, 77 tokens.
struct TextEncoder {
  TextConfig config;
  Embedding token_embedding;
  Tensor positional_embedding;  // [context_length, width]
  std::vector<ClipBlock> blocks;
  LayerNorm final_norm;
  Tensor text_projection;  // [width, projection_width], or none

  TextEncoder(const Params& p, const TextConfig& config);
  using Run = TextRun;
  /// ids: prompts one after another -> [B, tokens, width], after the final norm.
  Tensor operator()(std::span<const int32_t> ids, Run run = {}, const Tap& tap = {}) const;
  /// One vector a prompt, not normalised: all blocks, the row of the greatest id, the projection. -> [B, projection]
  Tensor pooled(std::span<const int32_t> ids, int64_t tokens = 0) const;
};

/// CLIP's image tower: a vision transformer (Dosovitskiy et al. 2021).
struct ImageTower {
  ImageTowerConfig config;
  Tensor patch_embedding;       // [width, 3, patch, patch]
  Tensor class_embedding;       // [width]
  Tensor positional_embedding;  // [1 + patches, width]
  LayerNorm norm_pre;
  std::vector<ClipBlock> blocks;
  LayerNorm norm_post;
  Tensor projection;  // [width, projection_width]

  ImageTower(const Params& p, const ImageTowerConfig& config);
  /// Pictures [B, image_size, image_size, 3], standardised as the model wants them -> [B, projection_width], not
  /// normalised.
  Tensor operator()(const Tensor& image, const Tap& tap = {}) const;
};

}  // namespace calotype

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr int64_t kWidthOfClipL = 768, kBlocksOfTransformersH = 23;

/// All released towers have heads of 64 channels (the image tower of ViT-H: 80); small ones tell nothing.
int64_t heads_of(int64_t width) {
  return width >= 512 && width % 64 == 0 ? width / 64 : 0;
}

}  // namespace

std::optional<TextConfig> text_from_shapes(const Shapes& shapes, const std::string& prefix, const std::string& inner,
                                           Layout layout) {
  const bool original = layout == Layout::original;
  const std::string top = original ? prefix : prefix + inner;
  const auto block = [&](int64_t i, std::string_view ours, std::string_view theirs) {
    return original ? fmt::format("{}transformer.resblocks.{}.{}", top, i, ours)
                    : fmt::format("{}encoder.layers.{}.{}", top, i, theirs);
  };
  const std::string tokens = top + (original ? "token_embedding.weight" : "embeddings.token_embedding.weight");
  const std::string places = top + (original ? "positional_embedding" : "embeddings.position_embedding.weight");
  if (!shapes.has(tokens) || !shapes.has(block(0, "ln_1.weight", "layer_norm1.weight"))) return std::nullopt;
  TextConfig config;
  config.vocab_size = shapes.extent(tokens, 0);
  config.width = shapes.extent(tokens, 1);
  config.context_length = shapes.extent(places, 0);
  config.mlp_width = shapes.extent(block(0, "mlp.c_fc.weight", "mlp.fc1.weight"), 0);
  config.heads = heads_of(config.width);
  config.layers = 0;
  while (shapes.has(block(config.layers, "ln_1.weight", "layer_norm1.weight"))) ++config.layers;
  const std::string projection = prefix + (original ? "text_projection" : "text_projection.weight");
  if (shapes.has(projection)) config.projection_width = shapes.extent(projection, original ? 1 : 0);

  const bool clip_l = config.width == kWidthOfClipL;
  config.activation = clip_l ? TextActivation::quick_gelu : TextActivation::gelu;
  config.padding_id = clip_l ? 49407 : 0;
  config.used_layers = config.layers;
  if (original && !clip_l && config.layers > 1) config.used_layers = config.layers - 1;
  // Files made from transformers' have lost the last block, which does not run.
  if (config.width == 1024) config.used_layers = std::min(config.layers, kBlocksOfTransformersH);
  return config;
}

std::optional<ImageTowerConfig> image_tower_from_shapes(const Shapes& shapes, const std::string& prefix,
                                                        Layout layout) {
  const bool original = layout == Layout::original;
  const std::string top = prefix + (original ? "visual." : "vision_model.");
  const std::string patches = top + (original ? "conv1.weight" : "embeddings.patch_embedding.weight");
  const std::string places = top + (original ? "positional_embedding" : "embeddings.position_embedding.weight");
  const auto block = [&](int64_t i, std::string_view ours, std::string_view theirs) {
    return original ? fmt::format("{}transformer.resblocks.{}.{}", top, i, ours)
                    : fmt::format("{}encoder.layers.{}.{}", top, i, theirs);
  };
  if (!shapes.has(patches) || !shapes.has(block(0, "ln_1.weight", "layer_norm1.weight"))) return std::nullopt;
  ImageTowerConfig config;
  config.width = shapes.extent(patches, 0);
  config.patch_size = shapes.extent(patches, 2);
  const int64_t grid = std::llround(std::sqrt(static_cast<double>(shapes.extent(places, 0) - 1)));
  require(grid > 0 && grid * grid + 1 == shapes.extent(places, 0) && grid <= 4096 && config.patch_size <= 4096,
          ErrorKind::bad_file, "{}: {} places of an image tower make no square and a class", shapes.where(),
          shapes.extent(places, 0));
  config.image_size = grid * config.patch_size;
  config.mlp_width = shapes.extent(block(0, "mlp.c_fc.weight", "mlp.fc1.weight"), 0);
  config.heads = config.width == 1280 ? 16 : heads_of(config.width);
  config.layers = 0;
  while (shapes.has(block(config.layers, "ln_1.weight", "layer_norm1.weight"))) ++config.layers;
  config.projection_width =
      original ? shapes.extent(prefix + "visual.proj", 1) : shapes.extent(prefix + "visual_projection.weight", 0);
  config.activation = config.width == 1024 ? TextActivation::quick_gelu : TextActivation::gelu;
  return config;
}

}  // namespace calotype

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr int64_t kMostGrid = 1024;

}  // namespace

std::optional<DepthConfig> depth_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout) {
  const bool original = layout == Layout::original;
  const auto name = [&](std::string_view ours, std::string_view theirs) {
    return prefix + std::string(original ? ours : theirs);
  };
  const auto block = [&](int64_t stage, int64_t number, const char* convolution) {
    return original ? fmt::format("{}pretrained.model.patch_embed.backbone.stages.{}.blocks.{}.{}.weight", prefix,
                                  stage, number, convolution)
                    : fmt::format("{}dpt.embeddings.backbone.bit.encoder.stages.{}.layers.{}.{}.weight", prefix, stage,
                                  number, convolution);
  };
  const std::string stem = name("pretrained.model.patch_embed.backbone.stem.conv.weight",
                                "dpt.embeddings.backbone.bit.embedder.convolution.weight");
  if (!shapes.has(stem) || !shapes.has(block(0, 0, "conv1"))) return std::nullopt;
  DepthConfig config;
  config.stem_channels = shapes.extent(stem, 0);
  config.stage_depths.clear();
  config.stage_channels.clear();
  for (int64_t stage = 0; shapes.has(block(stage, 0, "conv1")); ++stage) {
    require(stage < 3, ErrorKind::unsupported, "{}: a depth net of more than three stages", shapes.where());
    int64_t count = 0;
    while (shapes.has(block(stage, count, "conv1"))) ++count;
    config.stage_depths.push_back(count);
    config.stage_channels.push_back(shapes.extent(block(stage, 0, "conv3"), 0));
    require(config.stage_channels.back() % 4 == 0, ErrorKind::bad_file,
            "{}: stage {} of the depth net has {} channels, which are not four times anything", shapes.where(), stage,
            config.stage_channels.back());
  }
  require(config.stage_depths.size() == 3, ErrorKind::unsupported,
          "{}: a depth net of {} stages, where DPT-hybrid has 3", shapes.where(), config.stage_depths.size());
  const bool even = config.stem_channels % 32 == 0 &&
                    std::ranges::all_of(config.stage_channels, [](int64_t width) { return width % 128 == 0; });
  config.groups = even ? 32 : 0;

  const std::string places = name("pretrained.model.pos_embed", "dpt.embeddings.position_embeddings");
  config.width = shapes.extent(places, 2);
  const int64_t count = shapes.extent(places, 1) - 1;
  const int64_t grid = std::llround(std::sqrt(static_cast<double>(count)));
  require(grid > 0 && grid * grid == count && grid <= kMostGrid, ErrorKind::bad_file,
          "{}: {} places of the depth net make no square and a class", shapes.where(), count + 1);
  config.trained_size = grid * DepthConfig::kPatch;
  const auto layer = [&](int64_t i) {
    return original ? fmt::format("{}pretrained.model.blocks.{}.mlp.fc1.weight", prefix, i)
                    : fmt::format("{}dpt.encoder.layer.{}.intermediate.dense.weight", prefix, i);
  };
  config.layers = 0;
  while (shapes.has(layer(config.layers))) ++config.layers;
  require(config.layers > 0, ErrorKind::bad_file, "{}: {} is missing", shapes.where(), layer(0));
  config.mlp_width = shapes.extent(layer(0), 0);
  // The released one; what a small one has, no shape tells.
  const bool released = config.width == 768 && config.layers == 12;
  config.heads = released ? 12 : 0;
  config.taps = released ? std::array<int64_t, 2>{8, 11} : std::array<int64_t, 2>{-1, -1};
  config.features = shapes.extent(name("scratch.layer1_rn.weight", "neck.convs.0.weight"), 0);
  require(config.features % 2 == 0, ErrorKind::bad_file,
          "{}: the depth net's decoder has {} channels, an even number "
          "is needed",
          shapes.where(), config.features);
  config.head_channels = shapes.extent(name("scratch.output_conv.2.weight", "head.head.2.weight"), 0);
  return config;
}

}  // namespace calotype

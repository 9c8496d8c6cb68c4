#include <fmt/format.h>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr double kScaleOfThreeLevels = 0.08333;  // the x4 upscaler's; all others have 0.18215
constexpr int kMaxLevels = 16;

}  // namespace

std::optional<VaeConfig> vae_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout) {
  const bool original = layout == Layout::original;
  const auto convolution = [&](int64_t level, int64_t block) {
    return original ? fmt::format("{}encoder.down.{}.block.{}.conv1.weight", prefix, level, block)
                    : fmt::format("{}encoder.down_blocks.{}.resnets.{}.conv1.weight", prefix, level, block);
  };
  if (!shapes.has(prefix + "encoder.conv_in.weight") || !shapes.has(prefix + "decoder.conv_in.weight") ||
      !shapes.has(convolution(0, 0)))
    return std::nullopt;
  VaeConfig config;
  config.ch = shapes.extent(prefix + "encoder.conv_in.weight", 0);
  config.in_channels = shapes.extent(prefix + "encoder.conv_in.weight", 1);
  config.out_ch = shapes.extent(prefix + "decoder.conv_out.weight", 0);
  config.embed_dim = shapes.extent(prefix + "post_quant_conv.weight", 1);
  config.z_channels = shapes.extent(prefix + "post_quant_conv.weight", 0);
  config.ch_mult.clear();
  for (int64_t level = 0; shapes.has(convolution(level, 0)); ++level) {
    require(level < kMaxLevels, ErrorKind::unsupported, "{}: an autoencoder of too many levels", shapes.where());
    int64_t blocks = 0, channels = 0;
    for (; shapes.has(convolution(level, blocks)); ++blocks) channels = shapes.extent(convolution(level, blocks), 0);
    if (level == 0) config.num_res_blocks = blocks;
    require(blocks == config.num_res_blocks && channels % config.ch == 0, ErrorKind::unsupported,
            "{}: an autoencoder whose level {} has {} blocks of {} channels, where the first has {} and the first "
            "convolution {}",
            shapes.where(), level, blocks, channels, config.num_res_blocks, config.ch);
    config.ch_mult.push_back(channels / config.ch);
  }
  config.groups = config.ch % 32 == 0 ? 32 : 0;
  if (config.levels() == 3) config.scale_factor = kScaleOfThreeLevels;
  return config;
}

}  // namespace calotype

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr int kMaxLevels = 16;

/// A level of the way down, as the names tell it.
struct Level {
  int64_t channels = 0, blocks = 0;
  std::string transformer;  // the prefix of the first one; empty where there is none
};

class UNetShapes {
 public:
  UNetShapes(const Shapes& shapes, const std::string& prefix, Layout layout)
      : shapes_(shapes), prefix_(prefix), original_(layout == Layout::original) {}

  std::optional<UNetConfig> config() {
    if (!shapes_.has(name("input_blocks.0.0.weight", "conv_in.weight")) ||
        !shapes_.has(name("input_blocks.1.0.in_layers.2.weight", "down_blocks.0.resnets.0.conv1.weight")))
      return std::nullopt;
    UNetConfig config;
    config.model_channels = extent("input_blocks.0.0.weight", "conv_in.weight", 0);
    config.in_channels = extent("input_blocks.0.0.weight", "conv_in.weight", 1);
    config.out_channels = extent("out.2.weight", "conv_out.weight", 0);
    require_supported(shapes_.has(middle() + "proj_in.weight"), "its middle block has no transformer");
    read_levels(config, original_ ? original_levels() : diffusers_levels());
    read_transformers(config);
    read_class(config);
    config.num_heads = 0;
    config.num_head_channels = 0;
    config.groups = config.model_channels % 32 == 0 ? 32 : 0;
    return config;
  }

 private:
  std::string name(std::string_view original, std::string_view diffusers) const {
    return prefix_ + std::string(original_ ? original : diffusers);
  }
  std::string middle() const { return name("middle_block.1.", "mid_block.attentions.0."); }
  int64_t extent(std::string_view original, std::string_view diffusers, int axis) const {
    return shapes_.extent(name(original, diffusers), axis);
  }
  void require_supported(bool holds, std::string_view what) const {
    require(holds, ErrorKind::unsupported, "{}: not a UNet of Stable Diffusion 1 or 2: {}", shapes_.where(), what);
  }

  void add_block(Level& level, const std::string& convolution, const std::string& transformer) const {
    level.channels = shapes_.extent(convolution, 0);
    if (level.blocks++ == 0 && shapes_.has(transformer + "proj_in.weight")) level.transformer = transformer;
  }

  // Blocks are counted through; a downsampler among them ends a level.
  std::vector<Level> original_levels() const {
    std::vector<Level> levels(1);
    for (int64_t n = 1;; ++n) {
      const std::string block = fmt::format("{}input_blocks.{}.", prefix_, n);
      if (shapes_.has(block + "0.op.weight"))
        levels.emplace_back();
      else if (shapes_.has(block + "0.in_layers.2.weight"))
        add_block(levels.back(), block + "0.in_layers.2.weight", block + "1.");
      else
        return levels;
    }
  }

  std::vector<Level> diffusers_levels() const {
    std::vector<Level> levels;
    for (int64_t l = 0;; ++l) {
      Level level;
      const std::string block = fmt::format("{}down_blocks.{}.", prefix_, l);
      for (int64_t i = 0; shapes_.has(fmt::format("{}resnets.{}.conv1.weight", block, i)); ++i)
        add_block(level, fmt::format("{}resnets.{}.conv1.weight", block, i), fmt::format("{}attentions.{}.", block, i));
      if (level.blocks == 0) return levels;
      levels.push_back(std::move(level));
    }
  }

  void read_levels(UNetConfig& config, std::vector<Level> levels) {
    require_supported(levels.size() <= kMaxLevels, "it has too many levels");
    config.channel_mult.clear();
    config.attention_resolutions.clear();
    config.num_res_blocks = levels[0].blocks;
    for (size_t l = 0; l < levels.size(); ++l) {
      require_supported(levels[l].blocks == config.num_res_blocks && levels[l].blocks > 0,
                        "its levels have different numbers of blocks");
      require_supported(levels[l].channels % config.model_channels == 0,
                        "a level's channels are no multiple of the first convolution's");
      config.channel_mult.push_back(levels[l].channels / config.model_channels);
      if (!levels[l].transformer.empty()) config.attention_resolutions.push_back(int64_t{1} << l);
    }
    levels_ = std::move(levels);
  }

  void read_transformers(UNetConfig& config) const {
    const std::string inside = middle() + "transformer_blocks.0.";
    require_supported(!shapes_.has(middle() + "transformer_blocks.1.norm1.weight"),
                      "its transformers have several blocks; it may be SDXL");
    config.context_dim = shapes_.extent(inside + "attn2.to_k.weight", 1);
    const Shape* projection = shapes_.find(middle() + "proj_in.weight");
    config.use_linear_in_transformer = projection->rank() == 2;
    // Where a level is as wide as the context both readings have the same shapes; the released one is self-attention.
    std::vector<bool> disabled;
    for (const Level& level : levels_)
      disabled.push_back(!level.transformer.empty() &&
                         shapes_.extent(level.transformer + "transformer_blocks.0.attn1.to_k.weight", 1) !=
                             level.channels);
    if (std::find(disabled.begin(), disabled.end(), true) != disabled.end())
      config.disable_self_attentions = std::move(disabled);
  }

  void read_class(UNetConfig& config) const {
    const std::string table = name("label_emb.weight", "class_embedding.weight");
    const std::string vector = name("label_emb.0.0.weight", "class_embedding.linear_1.weight");
    if (shapes_.has(table)) {
      config.class_input = ClassInput::level;
      config.class_size = shapes_.extent(table, 0);
    } else if (shapes_.has(vector)) {
      config.class_input = ClassInput::vector;
      config.class_size = shapes_.extent(vector, 1);
    }
  }

  const Shapes& shapes_;
  const std::string& prefix_;
  bool original_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<UNetConfig> unet_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout) {
  return UNetShapes(shapes, prefix, layout).config();
}

}  // namespace calotype

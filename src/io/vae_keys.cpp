#include <fmt/format.h>

#include "io/key_table.h"

namespace calotype {
namespace {

constexpr auto kBoth = Holds::weight_and_bias;

constexpr KeyLine kVae[] = {
    {"quant", "quant_conv", "quant_conv", kBoth, ConvIn::both},
    {"post_quant", "post_quant_conv", "post_quant_conv", kBoth, ConvIn::both},
};

constexpr KeyLine kEnds[] = {
    {"conv_in", "conv_in", "conv_in"},
    {"norm_out", "norm_out", "conv_norm_out"},
    {"conv_out", "conv_out", "conv_out"},
};

constexpr KeyLine kRes[] = {
    {"norm1", "norm1", "norm1"},
    {"conv1", "conv1", "conv1"},
    {"norm2", "norm2", "norm2"},
    {"conv2", "conv2", "conv2"},
};

constexpr KeyLine kShortcut[] = {{"shortcut", "nin_shortcut", "conv_shortcut", kBoth, ConvIn::both}};

constexpr KeyLine kAttention[] = {
    {"norm", "norm", "group_norm"},
    {"to_q", "q", "to_q", kBoth, ConvIn::original, "query"},
    {"to_k", "k", "to_k", kBoth, ConvIn::original, "key"},
    {"to_v", "v", "to_v", kBoth, ConvIn::original, "value"},
    {"to_out", "proj_out", "to_out.0", kBoth, ConvIn::original, "proj_attn"},
};

constexpr KeyLine kDownsample[] = {{"downsample", "downsample.conv", "downsamplers.0.conv"}};
constexpr KeyLine kUpsample[] = {{"upsample", "upsample.conv", "upsamplers.0.conv"}};

void add_res(std::vector<KeyRow>& rows, const KeyPlace& place, bool widens) {
  add_lines(rows, kRes, place);
  if (widens) add_lines(rows, kShortcut, place);
}

void add_middle(std::vector<KeyRow>& rows, const std::string& half) {
  add_res(rows, {half + "mid.res1.", half + "mid.block_1.", half + "mid_block.resnets.0."}, false);
  add_lines(rows, kAttention, {half + "mid.attention.", half + "mid.attn_1.", half + "mid_block.attentions.0."});
  add_res(rows, {half + "mid.res2.", half + "mid.block_2.", half + "mid_block.resnets.1."}, false);
}

}  // namespace

KeyMap vae_keys(const VaeConfig& config) {
  std::vector<KeyRow> rows;
  add_lines(rows, kVae);

  add_lines(rows, kEnds, {"encoder.", "encoder.", "encoder."});
  int64_t width = config.ch;
  for (int64_t l = 0; l < config.levels(); ++l) {
    const std::string ours = fmt::format("encoder.down.{}.", l), theirs = fmt::format("encoder.down_blocks.{}.", l);
    for (int64_t i = 0; i < config.num_res_blocks; ++i) {
      add_res(rows,
              {fmt::format("{}res.{}.", ours, i), fmt::format("{}block.{}.", ours, i),
               fmt::format("{}resnets.{}.", theirs, i)},
              width != config.channels(l));
      width = config.channels(l);
    }
    if (l + 1 < config.levels()) add_lines(rows, kDownsample, {ours, ours, theirs});
  }
  add_middle(rows, "encoder.");

  add_lines(rows, kEnds, {"decoder.", "decoder.", "decoder."});
  add_middle(rows, "decoder.");
  // The coarsest level runs first: diffusers counts from there, the original and we from the finest.
  for (int64_t l = config.levels() - 1; l >= 0; --l) {
    const std::string ours = fmt::format("decoder.up.{}.", l);
    const std::string theirs = fmt::format("decoder.up_blocks.{}.", config.levels() - 1 - l);
    for (int64_t i = 0; i <= config.num_res_blocks; ++i) {
      add_res(rows,
              {fmt::format("{}res.{}.", ours, i), fmt::format("{}block.{}.", ours, i),
               fmt::format("{}resnets.{}.", theirs, i)},
              width != config.channels(l));
      width = config.channels(l);
    }
    if (l > 0) add_lines(rows, kUpsample, {ours, ours, theirs});
  }
  return KeyMap(std::move(rows));
}

}  // namespace calotype

#include <fmt/format.h>

#include "io/key_table.h"

namespace calotype {
namespace {

constexpr auto kWeight = Holds::weight;
constexpr auto kBoth = Holds::weight_and_bias;

constexpr KeyLine kUNet[] = {
    {"time1", "time_embed.0", "time_embedding.linear_1"},
    {"time2", "time_embed.2", "time_embedding.linear_2"},
    {"conv_in", "input_blocks.0.0", "conv_in"},
    {"norm_out", "out.0", "conv_norm_out"},
    {"conv_out", "out.2", "conv_out"},
};

constexpr KeyLine kClassTable[] = {{"class_table", "label_emb", "class_embedding", kWeight}};

constexpr KeyLine kClassVector[] = {
    {"class1", "label_emb.0.0", "class_embedding.linear_1"},
    {"class2", "label_emb.0.2", "class_embedding.linear_2"},
};

constexpr KeyLine kRes[] = {
    {"norm1", "in_layers.0", "norm1"},          //
    {"conv1", "in_layers.2", "conv1"},          //
    {"time", "emb_layers.1", "time_emb_proj"},  //
    {"norm2", "out_layers.0", "norm2"},         //
    {"conv2", "out_layers.3", "conv2"},
};

constexpr KeyLine kShortcut[] = {{"shortcut", "skip_connection", "conv_shortcut", kBoth, ConvIn::both}};

// Inside a transformer both layouts have the same names. x4: attn1 looks at the context too, and keeps its name.
constexpr KeyLine kTransformer[] = {
    {"norm", "norm", "norm"},
    {"norm1", "transformer_blocks.0.norm1", "transformer_blocks.0.norm1"},
    {"self.to_q", "transformer_blocks.0.attn1.to_q", "transformer_blocks.0.attn1.to_q", kWeight},
    {"self.to_k", "transformer_blocks.0.attn1.to_k", "transformer_blocks.0.attn1.to_k", kWeight},
    {"self.to_v", "transformer_blocks.0.attn1.to_v", "transformer_blocks.0.attn1.to_v", kWeight},
    {"self.to_out", "transformer_blocks.0.attn1.to_out.0", "transformer_blocks.0.attn1.to_out.0"},
    {"norm2", "transformer_blocks.0.norm2", "transformer_blocks.0.norm2"},
    {"cross.to_q", "transformer_blocks.0.attn2.to_q", "transformer_blocks.0.attn2.to_q", kWeight},
    {"cross.to_k", "transformer_blocks.0.attn2.to_k", "transformer_blocks.0.attn2.to_k", kWeight},
    {"cross.to_v", "transformer_blocks.0.attn2.to_v", "transformer_blocks.0.attn2.to_v", kWeight},
    {"cross.to_out", "transformer_blocks.0.attn2.to_out.0", "transformer_blocks.0.attn2.to_out.0"},
    {"norm3", "transformer_blocks.0.norm3", "transformer_blocks.0.norm3"},
    {"ff.in", "transformer_blocks.0.ff.net.0.proj", "transformer_blocks.0.ff.net.0.proj"},
    {"ff.out", "transformer_blocks.0.ff.net.2", "transformer_blocks.0.ff.net.2"},
};

constexpr KeyLine kProjectLinear[] = {{"proj_in", "proj_in", "proj_in"}, {"proj_out", "proj_out", "proj_out"}};

constexpr KeyLine kProjectConv[] = {{"proj_in", "proj_in", "proj_in", kBoth, ConvIn::both},
                                    {"proj_out", "proj_out", "proj_out", kBoth, ConvIn::both}};

class UNetTable {
 public:
  explicit UNetTable(const UNetConfig& config) : config_(config) {}

  std::vector<KeyRow> rows() {
    add_lines(rows_, kUNet);
    if (config_.class_input == ClassInput::level) add_lines(rows_, kClassTable);
    if (config_.class_input == ClassInput::vector) add_lines(rows_, kClassVector);
    down();
    res({"mid.res1.", "middle_block.0.", "mid_block.resnets.0."}, false);
    transformer({"mid.transformer.", "middle_block.1.", "mid_block.attentions.0."});
    res({"mid.res2.", "middle_block.2.", "mid_block.resnets.1."}, false);
    up();
    return std::move(rows_);
  }

 private:
  void res(const KeyPlace& place, bool widens) {
    add_lines(rows_, kRes, place);
    if (widens) add_lines(rows_, kShortcut, place);
  }

  void transformer(const KeyPlace& place) {
    add_lines(rows_, kTransformer, place);
    if (config_.use_linear_in_transformer)
      add_lines(rows_, kProjectLinear, place);
    else
      add_lines(rows_, kProjectConv, place);
  }

  // The original counts all blocks through, downsamplers among them; block 0 is the first convolution.
  void down() {
    int64_t width = config_.model_channels;
    for (int64_t l = 0; l < config_.levels(); ++l) {
      const int64_t first = 1 + l * (config_.num_res_blocks + 1);
      const std::string theirs = fmt::format("down_blocks.{}.", l);
      for (int64_t i = 0; i < config_.num_res_blocks; ++i) {
        const std::string block = fmt::format("input_blocks.{}.", first + i);
        res({fmt::format("down.{}.res.{}.", l, i), block + "0.", fmt::format("{}resnets.{}.", theirs, i)},
            width != config_.channels(l));
        width = config_.channels(l);
        if (config_.attends(l))
          transformer(
              {fmt::format("down.{}.transformer.{}.", l, i), block + "1.", fmt::format("{}attentions.{}.", theirs, i)});
      }
      if (l + 1 == config_.levels()) continue;
      const KeyLine line{"downsample", "0.op", "downsamplers.0.conv"};
      add_lines(rows_, {&line, 1},
                {fmt::format("down.{}.", l), fmt::format("input_blocks.{}.", first + config_.num_res_blocks), theirs});
    }
  }

  // The way up begins at the coarsest level: the others count from there, we count from the finest. Each block takes a
  // skip, so each has a shortcut; the upsampler is the last thing in the level's last block.
  void up() {
    for (int64_t l = config_.levels() - 1; l >= 0; --l) {
      const int64_t nth = config_.levels() - 1 - l, first = nth * (config_.num_res_blocks + 1);
      const std::string theirs = fmt::format("up_blocks.{}.", nth);
      for (int64_t i = 0; i <= config_.num_res_blocks; ++i) {
        const std::string block = fmt::format("output_blocks.{}.", first + i);
        res({fmt::format("up.{}.res.{}.", l, i), block + "0.", fmt::format("{}resnets.{}.", theirs, i)}, true);
        if (config_.attends(l))
          transformer(
              {fmt::format("up.{}.transformer.{}.", l, i), block + "1.", fmt::format("{}attentions.{}.", theirs, i)});
      }
      if (l == 0) continue;
      const KeyLine line{"upsample", config_.attends(l) ? "2.conv" : "1.conv", "upsamplers.0.conv"};
      add_lines(rows_, {&line, 1},
                {fmt::format("up.{}.", l), fmt::format("output_blocks.{}.", first + config_.num_res_blocks), theirs});
    }
  }

  const UNetConfig& config_;
  std::vector<KeyRow> rows_;
};

}  // namespace

KeyMap unet_keys(const UNetConfig& config) {
  return KeyMap(UNetTable(config).rows());
}

}  // namespace calotype

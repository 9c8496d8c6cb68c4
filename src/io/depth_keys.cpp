#include <fmt/format.h>

#include "io/key_table.h"

namespace calotype {
namespace {

constexpr auto kBoth = Holds::weight_and_bias;
constexpr auto kWeight = Holds::weight;
constexpr auto kTensor = Holds::tensor;

constexpr KeyLine kFront[] = {
    {"stem.conv", "patch_embed.backbone.stem.conv", "backbone.bit.embedder.convolution", kWeight},
    {"stem.norm", "patch_embed.backbone.stem.norm", "backbone.bit.embedder.norm"},
    {"patch_proj", "patch_embed.proj", "projection", kBoth, ConvIn::both},
    {"class_token", "cls_token", "cls_token", kTensor},
    {"positions", "pos_embed", "position_embeddings", kTensor},
};

constexpr KeyLine kBottleneck[] = {
    {"conv1", "conv1", "conv1", kWeight}, {"norm1", "norm1", "norm1"},          {"conv2", "conv2", "conv2", kWeight},
    {"norm2", "norm2", "norm2"},          {"conv3", "conv3", "conv3", kWeight}, {"norm3", "norm3", "norm3"},
};

constexpr KeyLine kShortcut[] = {
    {"shortcut.conv", "downsample.conv", "downsample.conv", kWeight},
    {"shortcut.norm", "downsample.norm", "downsample.norm"},
};

// The original keeps q, k and v as thirds of one tensor.
constexpr KeyLine kBlock[] = {
    {"norm1", "norm1", "layernorm_before"},
    {"attention.to_q", "attn.qkv", "attention.attention.query", kBoth, ConvIn::none, {}, 0, 3},
    {"attention.to_k", "attn.qkv", "attention.attention.key", kBoth, ConvIn::none, {}, 1, 3},
    {"attention.to_v", "attn.qkv", "attention.attention.value", kBoth, ConvIn::none, {}, 2, 3},
    {"attention.to_out", "attn.proj", "attention.output.dense"},
    {"norm2", "norm2", "layernorm_after"},
    {"mlp.in", "mlp.fc1", "intermediate.dense"},
    {"mlp.out", "mlp.fc2", "output.dense"},
};

constexpr KeyLine kReadout[] = {
    {"readout.0.project", "pretrained.act_postprocess3.0.project.0", "neck.reassemble_stage.readout_projects.2.0"},
    {"readout.0.conv", "pretrained.act_postprocess3.3", "neck.reassemble_stage.layers.2.projection", kBoth,
     ConvIn::both},
    {"readout.1.project", "pretrained.act_postprocess4.0.project.0", "neck.reassemble_stage.readout_projects.3.0"},
    {"readout.1.conv", "pretrained.act_postprocess4.3", "neck.reassemble_stage.layers.3.projection", kBoth,
     ConvIn::both},
    {"readout.1.resize", "pretrained.act_postprocess4.4", "neck.reassemble_stage.layers.3.resize"},
};

constexpr KeyLine kFusion[] = {
    {"out", "out_conv", "projection", kBoth, ConvIn::both},
    {"unit2.conv1", "resConfUnit2.conv1", "residual_layer2.convolution1"},
    {"unit2.conv2", "resConfUnit2.conv2", "residual_layer2.convolution2"},
};

constexpr KeyLine kJoining[] = {
    {"unit1.conv1", "resConfUnit1.conv1", "residual_layer1.convolution1"},
    {"unit1.conv2", "resConfUnit1.conv2", "residual_layer1.convolution2"},
};

constexpr KeyLine kHead[] = {
    {"head.conv1", "scratch.output_conv.0", "head.head.0"},
    {"head.conv2", "scratch.output_conv.2", "head.head.2"},
    {"head.out", "scratch.output_conv.4", "head.head.4", kBoth, ConvIn::both},
};

}  // namespace

KeyMap depth_keys(const DepthConfig& config) {
  std::vector<KeyRow> rows;
  add_lines(rows, kFront, {"", "pretrained.model.", "dpt.embeddings."});
  for (size_t s = 0; s < config.stage_depths.size(); ++s)
    for (int64_t b = 0; b < config.stage_depths[s]; ++b) {
      const KeyPlace place{fmt::format("stages.{}.{}.", s, b),
                           fmt::format("pretrained.model.patch_embed.backbone.stages.{}.blocks.{}.", s, b),
                           fmt::format("dpt.embeddings.backbone.bit.encoder.stages.{}.layers.{}.", s, b)};
      add_lines(rows, kBottleneck, place);
      if (b == 0) add_lines(rows, kShortcut, place);
    }
  for (int64_t i = 0; i < config.layers; ++i)
    add_lines(rows, kBlock,
              {fmt::format("blocks.{}.", i), fmt::format("pretrained.model.blocks.{}.", i),
               fmt::format("dpt.encoder.layer.{}.", i)});
  add_lines(rows, kReadout);
  for (int k = 1; k <= 4; ++k) {
    const std::string ours = fmt::format("narrow.{}", k - 1), original = fmt::format("scratch.layer{}_rn", k);
    const std::string theirs = fmt::format("neck.convs.{}", k - 1);
    const KeyLine line{ours, original, theirs, kWeight};
    add_lines(rows, {&line, 1});
    // transformers counts from the coarsest.
    const KeyPlace place{fmt::format("fusion.{}.", k - 1), fmt::format("scratch.refinenet{}.", k),
                         fmt::format("neck.fusion_stage.layers.{}.", 4 - k)};
    add_lines(rows, kFusion, place);
    if (k < 4) add_lines(rows, kJoining, place);
  }
  add_lines(rows, kHead);
  return KeyMap(std::move(rows));
}

}  // namespace calotype

#include <fmt/format.h>

#include "io/key_table.h"

namespace calotype {
namespace {

constexpr auto kBoth = Holds::weight_and_bias;
constexpr auto kTensor = Holds::tensor;

// open_clip keeps q, k and v as thirds of one tensor.
constexpr KeyLine kBlock[] = {
    {"norm1", "ln_1", "layer_norm1"},
    {"attention.to_q", "attn.in_proj_", "self_attn.q_proj", kBoth, ConvIn::none, {}, 0, 3},
    {"attention.to_k", "attn.in_proj_", "self_attn.k_proj", kBoth, ConvIn::none, {}, 1, 3},
    {"attention.to_v", "attn.in_proj_", "self_attn.v_proj", kBoth, ConvIn::none, {}, 2, 3},
    {"attention.to_out", "attn.out_proj", "self_attn.out_proj"},
    {"norm2", "ln_2", "layer_norm2"},
    {"mlp.in", "mlp.c_fc", "mlp.fc1"},
    {"mlp.out", "mlp.c_proj", "mlp.fc2"},
};

constexpr KeyLine kText[] = {
    {"token_embedding.weight", "token_embedding.weight", "embeddings.token_embedding.weight", kTensor},
    {"positional_embedding", "positional_embedding", "embeddings.position_embedding.weight", kTensor},
    {"final_norm", "ln_final", "final_layer_norm"},
};

// Beside the text model in transformers' files, not below it; there the projection lies transposed.
constexpr KeyLine kTextEnds[] = {
    {"text_projection", "text_projection", "text_projection.weight", kTensor},
    {"logit_scale", "logit_scale", "logit_scale", kTensor},
};

constexpr KeyLine kImage[] = {
    {"patch_embedding.weight", "conv1.weight", "embeddings.patch_embedding.weight", kTensor},
    {"class_embedding", "class_embedding", "embeddings.class_embedding", kTensor},
    {"positional_embedding", "positional_embedding", "embeddings.position_embedding.weight", kTensor},
    {"norm_pre", "ln_pre", "pre_layrnorm"},  // their spelling
    {"norm_post", "ln_post", "post_layernorm"},
};

constexpr KeyLine kImageEnd[] = {{"image.projection", "visual.proj", "visual_projection.weight", kTensor}};

void add_blocks(std::vector<KeyRow>& rows, const KeyPlace& tower, int64_t layers) {
  for (int64_t i = 0; i < layers; ++i)
    add_lines(
        rows, kBlock,
        {fmt::format("{}blocks.{}.", tower.ours, i), fmt::format("{}transformer.resblocks.{}.", tower.original, i),
         fmt::format("{}encoder.layers.{}.", tower.diffusers, i)});
}

}  // namespace

KeyMap text_keys(const TextConfig& config, std::string_view inner) {
  std::vector<KeyRow> rows;
  const KeyPlace tower{"", "", std::string(inner)};
  add_lines(rows, kText, tower);
  add_blocks(rows, tower, config.layers);
  add_lines(rows, kTextEnds);
  for (KeyRow& row : rows)
    if (row.ours == "text_projection") row.diffusers.form = Form::transposed;
  return KeyMap(std::move(rows));
}

KeyMap image_tower_keys(const ImageTowerConfig& config) {
  std::vector<KeyRow> rows;
  const KeyPlace tower{"image.", "visual.", "vision_model."};
  add_lines(rows, kImage, tower);
  add_blocks(rows, tower, config.layers);
  add_lines(rows, kImageEnd);
  rows.back().diffusers.form = Form::transposed;
  return KeyMap(std::move(rows));
}

}  // namespace calotype

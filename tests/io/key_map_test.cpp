#include "io/key_map.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "io/scratch.h"

namespace calotype {
namespace {

size_t stored(const KeyMap& map, Layout layout) {
  std::set<std::string> names;
  for (const KeyRow& row : map.rows())
    if (!row.in(layout).name.empty()) names.insert(row.in(layout).name);
  return names.size();
}

UNetConfig x4_config() {
  UNetConfig config;
  config.in_channels = 7;
  config.model_channels = 256;
  config.channel_mult = {1, 2, 2, 4};
  config.attention_resolutions = {2, 4, 8};
  config.num_heads = 8;
  config.disable_self_attentions = {true, true, true, false};
  config.class_input = ClassInput::level;
  config.class_size = 1000;
  return config;
}

// The numbers of tensors in the released files.
TEST(KeyMap, HasAsManyTensorsAsTheReleasedFiles) {
  UNetConfig unclip;
  unclip.class_input = ClassInput::vector;
  unclip.class_size = 2048;
  VaeConfig f4;
  f4.ch_mult = {1, 2, 4};
  TextConfig transformers;
  transformers.layers = 23;
  for (const Layout layout : {Layout::original, Layout::diffusers}) {
    EXPECT_EQ(stored(unet_keys({}), layout), 686u);
    EXPECT_EQ(stored(unet_keys(x4_config()), layout), 687u);
    EXPECT_EQ(stored(unet_keys(unclip), layout), 690u);
    EXPECT_EQ(stored(vae_keys({}), layout), 248u);
    EXPECT_EQ(stored(vae_keys(f4), layout), 204u);
  }
  EXPECT_EQ(stored(text_keys({}), Layout::original), 294u);
  EXPECT_EQ(stored(text_keys(transformers), Layout::diffusers), 372u + 2);  // the projection and the scale are extra
}

void expect_names(const KeyMap& map, std::string_view ours, std::string_view original, std::string_view diffusers) {
  const KeyRow* row = map.find(ours);
  ASSERT_TRUE(row) << ours;
  EXPECT_EQ(row->original.name, original);
  EXPECT_EQ(row->diffusers.name, diffusers);
}

TEST(KeyMap, NamesTheUNetsWeights) {
  const KeyMap map = unet_keys({});
  expect_names(map, "time1.weight", "time_embed.0.weight", "time_embedding.linear_1.weight");
  expect_names(map, "down.1.res.0.shortcut.bias", "input_blocks.4.0.skip_connection.bias",
               "down_blocks.1.resnets.0.conv_shortcut.bias");
  expect_names(map, "down.2.downsample.weight", "input_blocks.9.0.op.weight",
               "down_blocks.2.downsamplers.0.conv.weight");
  expect_names(map, "mid.res2.time.weight", "middle_block.2.emb_layers.1.weight",
               "mid_block.resnets.1.time_emb_proj.weight");
  expect_names(map, "up.3.res.2.conv2.weight", "output_blocks.2.0.out_layers.3.weight",
               "up_blocks.0.resnets.2.conv2.weight");
  expect_names(map, "up.3.upsample.weight", "output_blocks.2.1.conv.weight", "up_blocks.0.upsamplers.0.conv.weight");
  expect_names(map, "up.1.upsample.bias", "output_blocks.8.2.conv.bias", "up_blocks.2.upsamplers.0.conv.bias");
  expect_names(map, "up.0.transformer.2.cross.to_out.bias",
               "output_blocks.11.1.transformer_blocks.0.attn2.to_out.0.bias",
               "up_blocks.3.attentions.2.transformer_blocks.0.attn2.to_out.0.bias");
  EXPECT_FALSE(map.find("down.3.transformer.0.norm.weight"));
  EXPECT_FALSE(map.find("down.0.res.0.shortcut.weight"));
  EXPECT_FALSE(map.find("mid.transformer.self.to_q.bias"));
  expect_names(unet_keys(x4_config()), "class_table.weight", "label_emb.weight", "class_embedding.weight");
  expect_names(unet_keys(x4_config()), "up.3.upsample.weight", "output_blocks.2.2.conv.weight",
               "up_blocks.0.upsamplers.0.conv.weight");
}

TEST(KeyMap, KnowsTheShapesInBothLayouts) {
  UNetConfig sd1;
  sd1.use_linear_in_transformer = false;
  const Shape square{320, 320}, square4{320, 320, 1, 1};

  const KeyMap linear = unet_keys({}), conv = unet_keys(sd1), vae = vae_keys({}), text = text_keys({});
  const KeyRow* row = linear.find("down.0.transformer.0.proj_in.weight");
  EXPECT_EQ(stored_shape(row->original, square), square);
  row = conv.find("down.0.transformer.0.proj_in.weight");
  EXPECT_EQ(stored_shape(row->original, square), square4);
  EXPECT_EQ(stored_shape(row->diffusers, square), square4);
  row = vae.find("encoder.mid.attention.to_q.weight");
  EXPECT_EQ(stored_shape(row->original, square), square4);
  EXPECT_EQ(stored_shape(row->diffusers, square), square);
  EXPECT_EQ(row->older, "encoder.mid_block.attentions.0.query.weight");
  row = vae.find("encoder.mid.attention.to_q.bias");
  EXPECT_EQ(stored_shape(row->original, Shape{320}), (Shape{320}));
  row = text.find("blocks.0.attention.to_v.weight");
  EXPECT_EQ(row->original.part, 2);
  EXPECT_EQ(stored_shape(row->original, square), (Shape{960, 320}));
  EXPECT_EQ(stored_shape(row->diffusers, square), square);
  row = text.find("text_projection");
  EXPECT_EQ(stored_shape(row->diffusers, Shape{2, 3}), (Shape{3, 2}));
}

TEST(KeyMap, LeadsBackFromEitherLayout) {
  ImageTowerConfig image;
  image.layers = 2;
  for (const KeyMap& map :
       {unet_keys({}), unet_keys(x4_config()), vae_keys({}), text_keys({}), text_keys({}, ""), image_tower_keys(image)})
    for (const KeyRow& row : map.rows())
      for (const Layout layout : {Layout::original, Layout::diffusers}) {
        const auto found = map.stored_as(layout, row.in(layout).name);
        EXPECT_EQ(found.size(), static_cast<size_t>(row.in(layout).parts)) << row.ours;
        EXPECT_EQ(found.at(row.in(layout).part)->ours, row.ours);
      }
  const KeyMap vae = vae_keys({});
  ASSERT_EQ(vae.stored_as(Layout::diffusers, "decoder.mid_block.attentions.0.proj_attn.bias").size(), 1u);
  EXPECT_EQ(vae.stored_as(Layout::diffusers, "decoder.mid_block.attentions.0.proj_attn.bias")[0]->ours,
            "decoder.mid.attention.to_out.bias");
  EXPECT_TRUE(vae.stored_as(Layout::original, "loss.logvar").empty());
}

// Pairs of names that hold the same values in a small model that was saved in both layouts. "#1" is the second third.
TEST(KeyMap, PairsWhatOtherProgramsPair) {
  UNetConfig unet;
  unet.model_channels = 8;
  unet.channel_mult = {1, 2};
  unet.num_res_blocks = 1;
  unet.attention_resolutions = {1, 2};
  VaeConfig vae;
  vae.ch_mult = {1, 2};
  vae.num_res_blocks = 1;
  TextConfig text;
  text.layers = 3;
  const std::map<std::string, KeyMap> maps = {
      {"unet", unet_keys(unet)}, {"vae", vae_keys(vae)}, {"text", text_keys(text)}};
  std::map<std::string, int> pairs;
  std::ifstream file(test_data("tiny-keys.txt"));
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string part, original, diffusers;
    fields >> part >> original >> diffusers;
    SCOPED_TRACE(line);
    const size_t mark = original.find('#');
    const size_t third = mark == std::string::npos ? 0 : original[mark + 1] - '0';
    const auto from = maps.at(part).stored_as(Layout::original, original.substr(0, mark));
    const auto to = maps.at(part).stored_as(Layout::diffusers, diffusers);
    ASSERT_GT(from.size(), third);
    ASSERT_EQ(to.size(), 1u);
    EXPECT_EQ(from[third]->ours, to[0]->ours);
    ++pairs[part];
  }
  EXPECT_EQ(pairs, (std::map<std::string, int>{{"text", 19}, {"unet", 164}, {"vae", 62}}));
}

TEST(KeyMap, AveragedCopiesLoseTheirDots) {
  EXPECT_EQ(ema_key("model.diffusion_model.input_blocks.0.0.weight"), "model_ema.diffusion_modelinput_blocks00weight");
}

}  // namespace
}  // namespace calotype

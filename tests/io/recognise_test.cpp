#include "io/recognise.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "io/fake_weights.h"
#include "io/scratch.h"

namespace calotype {
namespace {

using Tensors = std::vector<StoredTensor>;

Tensors operator+(Tensors a, const Tensors& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

UNetConfig x4_config() {
  UNetConfig config;
  config.in_channels = 7;
  config.model_channels = 256;
  config.channel_mult = {1, 2, 2, 4};
  config.attention_resolutions = {2, 4, 8};
  config.num_heads = 8;
  config.num_head_channels = 0;
  config.disable_self_attentions = {false, true, true, false};  // the first level has no transformer to disable
  config.class_input = ClassInput::level;
  config.class_size = 1000;
  return config;
}

UNetConfig sd1_config() {
  UNetConfig config;
  config.context_dim = 768;
  config.num_heads = 8;
  config.num_head_channels = 0;
  config.use_linear_in_transformer = false;
  return config;
}

UNetConfig unclip_config(int64_t size) {
  UNetConfig config;
  config.class_input = ClassInput::vector;
  config.class_size = size;
  return config;
}

UNetConfig with_channels(UNetConfig config, int64_t in_channels) {
  config.in_channels = in_channels;
  return config;
}

void expect_equal(const UNetConfig& a, const UNetConfig& b) {
  EXPECT_EQ(a.in_channels, b.in_channels);
  EXPECT_EQ(a.out_channels, b.out_channels);
  EXPECT_EQ(a.model_channels, b.model_channels);
  EXPECT_EQ(a.channel_mult, b.channel_mult);
  EXPECT_EQ(a.num_res_blocks, b.num_res_blocks);
  for (int64_t factor : {1, 2, 4, 8})
    EXPECT_EQ(std::ranges::count(a.attention_resolutions, factor), std::ranges::count(b.attention_resolutions, factor));
  EXPECT_EQ(a.num_heads, b.num_heads);
  if (a.num_heads == 0) {
    EXPECT_EQ(a.num_head_channels, b.num_head_channels);
  }
  EXPECT_EQ(a.context_dim, b.context_dim);
  EXPECT_EQ(a.use_linear_in_transformer, b.use_linear_in_transformer);
  EXPECT_EQ(a.disable_self_attentions, b.disable_self_attentions);
  EXPECT_EQ(a.class_input, b.class_input);
  EXPECT_EQ(a.class_size, b.class_size);
  EXPECT_EQ(a.groups, b.groups);
}

TEST(Recognise, TellsTheReleasedUNetsApart) {
  const std::vector<std::tuple<Family, UNetConfig, std::optional<Prediction>>> cases = {
      {Family::sd1, sd1_config(), Prediction::epsilon},
      {Family::sd1_inpainting, with_channels(sd1_config(), 9), Prediction::epsilon},
      {Family::sd2, {}, std::nullopt},
      {Family::sd2_depth, with_channels({}, 5), Prediction::epsilon},
      {Family::sd2_inpainting, with_channels({}, 9), Prediction::epsilon},
      {Family::x4_upscaler, x4_config(), Prediction::v_prediction},
      {Family::unclip_h, unclip_config(2048), Prediction::v_prediction},
      {Family::unclip_l, unclip_config(1536), Prediction::v_prediction}};
  for (const auto& [family, config, prediction] : cases)
    for (const Layout layout : {Layout::original, Layout::diffusers}) {
      SCOPED_TRACE(std::string(name_of(family)) + ", " + name_of(layout));
      const std::string prefix = layout == Layout::original ? "model.diffusion_model." : "";
      const Recognised found = recognise(fake_unet(config, layout, prefix), "f");
      ASSERT_TRUE(found.unet);
      EXPECT_EQ(found.unet->layout, layout);
      EXPECT_EQ(found.unet->prefix, prefix);
      EXPECT_EQ(found.family, family);
      EXPECT_EQ(prediction_of(found.family), prediction);
      expect_equal(found.unet->config, config);
      EXPECT_FALSE(found.vae || found.text || found.image || found.averaged || found.lora || found.embedding);
    }
}

TEST(Recognise, SmallUNetsKeepTheirShapesAndLeaveTheRestOpen) {
  UNetConfig config;
  config.model_channels = 8;
  config.channel_mult = {1, 2};
  config.num_res_blocks = 1;
  config.attention_resolutions = {1, 2};
  config.context_dim = 16;
  for (const Layout layout : {Layout::original, Layout::diffusers}) {
    const Recognised found = recognise(fake_unet(config, layout, ""), "f");
    ASSERT_TRUE(found.unet);
    EXPECT_EQ(found.family, Family::other);
    UNetConfig expected = config;
    expected.num_head_channels = 0;
    expected.groups = 0;
    expect_equal(found.unet->config, expected);
  }
}

TEST(Recognise, FindsAllPartsOfACheckpoint) {
  TextConfig text;
  text.projection_width = 1024;
  const Tensors tensors = fake_unet({}, Layout::original, "model.diffusion_model.") +
                          fake_vae({}, Layout::original, "first_stage_model.") +
                          fake_text(text, Layout::original, "cond_stage_model.model.", "");
  Recognised found = recognise(tensors, "f");
  ASSERT_TRUE(found.unet && found.vae && found.text);
  EXPECT_FALSE(found.image);
  EXPECT_EQ(found.vae->prefix, "first_stage_model.");
  EXPECT_EQ(found.vae->config.ch_mult, (std::vector<int64_t>{1, 2, 4, 4}));
  EXPECT_EQ(found.vae->config.scale_factor, 0.18215);
  EXPECT_EQ(found.vae->config.groups, 32);
  EXPECT_EQ(found.text->config.layers, 24);
  EXPECT_EQ(found.text->config.used_layers, 23);
  EXPECT_EQ(found.text->config.heads, 16);
  EXPECT_EQ(found.text->config.projection_width, 1024);
  EXPECT_EQ(found.text->config.activation, TextActivation::gelu);

  Tensors averaged = tensors;
  const KeyMap map = unet_keys({});
  for (const KeyRow& row : map.rows())
    averaged.push_back({ema_key("model.diffusion_model." + row.original.name), StoredType::f32, Shape{1}, {}});
  EXPECT_TRUE(recognise(averaged, "f").averaged);
  const Tensors scalars = {{"model_ema.decay", StoredType::f32, Shape{}, {}},
                           {"model_ema.num_updates", StoredType::i32, Shape{}, {}}};
  EXPECT_FALSE(recognise(tensors + scalars, "f").averaged);
}

TEST(Recognise, KnowsTheTextTowersOfBothLayouts) {
  TextConfig sd1;
  sd1.width = 768;
  sd1.layers = 12;
  sd1.mlp_width = 3072;
  for (const std::string prefix : {"cond_stage_model.transformer.", ""})
    for (const std::string inner : {"text_model.", ""}) {
      const Recognised found = recognise(fake_text(sd1, Layout::diffusers, prefix, inner), "f");
      ASSERT_TRUE(found.text);
      EXPECT_EQ(found.text->layout, Layout::diffusers);
      EXPECT_EQ(found.text->prefix, prefix);
      EXPECT_EQ(found.text->inner, inner);
      EXPECT_EQ(found.text->config.used_layers, 12);
      EXPECT_EQ(found.text->config.heads, 12);
      EXPECT_EQ(found.text->config.activation, TextActivation::quick_gelu);
      EXPECT_EQ(found.text->config.padding_id, 49407);
    }
  TextConfig sd2;
  sd2.layers = 23;
  const Recognised found = recognise(fake_text(sd2, Layout::diffusers, "", "text_model."), "f");
  ASSERT_TRUE(found.text);
  EXPECT_EQ(found.text->config.used_layers, 23);
  EXPECT_EQ(found.text->config.padding_id, 0);
}

TEST(Recognise, KnowsAPairOfTowers) {
  TextConfig text;
  text.width = 64;
  text.layers = 3;
  text.vocab_size = 1000;
  text.projection_width = 48;
  ImageTowerConfig image;
  image.image_size = 56;
  image.width = 96;
  image.layers = 2;
  image.mlp_width = 384;
  image.projection_width = 48;
  const Recognised found =
      recognise(fake_text(text, Layout::original, "", "") + fake_image_tower(image, Layout::original, ""), "f");
  ASSERT_TRUE(found.text && found.image);
  EXPECT_EQ(found.text->config.projection_width, 48);
  EXPECT_EQ(found.text->config.heads, 0);
  EXPECT_EQ(found.image->config.image_size, 56);
  EXPECT_EQ(found.image->config.patch_size, 14);
  EXPECT_EQ(found.image->config.layers, 2);
  EXPECT_EQ(found.image->config.mlp_width, 384);
  EXPECT_EQ(found.image->config.projection_width, 48);
}

TEST(Recognise, KnowsAutoencodersAlone) {
  VaeConfig f4;
  f4.ch_mult = {1, 2, 4};
  for (const Layout layout : {Layout::original, Layout::diffusers}) {
    const Recognised found = recognise(fake_vae(f4, layout, ""), "f");
    ASSERT_TRUE(found.vae);
    EXPECT_EQ(found.vae->layout, layout);
    EXPECT_EQ(found.vae->config.ch_mult, f4.ch_mult);
    EXPECT_EQ(found.vae->config.num_res_blocks, 2);
    EXPECT_EQ(found.vae->config.scale_factor, 0.08333);
  }
}

TEST(Recognise, KnowsDepthNets) {
  for (const Layout layout : {Layout::original, Layout::diffusers}) {
    const std::string prefix = layout == Layout::original ? "depth_model.model." : "";
    const Recognised found = recognise(fake_depth({}, layout, prefix), "f");
    ASSERT_TRUE(found.depth) << name_of(layout);
    EXPECT_FALSE(found.unet || found.vae || found.text || found.image || found.tiny_encoder || found.tiny_decoder);
    EXPECT_EQ(found.depth->layout, layout);
    EXPECT_EQ(found.depth->prefix, prefix);
    const DepthConfig& depth = found.depth->config;
    EXPECT_EQ(depth.trained_size, 384);
    EXPECT_EQ(depth.stage_depths, (std::vector<int64_t>{3, 4, 9}));
    EXPECT_EQ(depth.stage_channels, (std::vector<int64_t>{256, 512, 1024}));
    EXPECT_EQ(depth.layers, 12);
    EXPECT_EQ(depth.heads, 12);
    EXPECT_EQ(depth.taps, (std::array<int64_t, 2>{8, 11}));
    EXPECT_EQ(depth.groups, 32);
    EXPECT_EQ(depth.features, 256);
    EXPECT_EQ(depth.head_channels, 32);
  }
  // MiDaS' own file has no prefix, and a small one leaves open what no shape tells.
  DepthConfig small;
  small.trained_size = 64;
  small.width = 48;
  small.layers = 4;
  small.mlp_width = 37;
  const Recognised found = recognise(fake_depth(small, Layout::original, ""), "f");
  ASSERT_TRUE(found.depth);
  EXPECT_EQ(found.depth->config.trained_size, 64);
  EXPECT_EQ(found.depth->config.mlp_width, 37);
  EXPECT_EQ(found.depth->config.heads, 0);
  EXPECT_EQ(found.depth->config.taps[0], -1);
}

TEST(Recognise, DepthNetsThatAreNoneAreRefused) {
  for (const char* lost : {"pos_embed", "mlp.fc1", "layer1_rn", "output_conv.2"}) {
    Tensors tensors = fake_depth({}, Layout::original, "");
    std::erase_if(tensors, [&](const StoredTensor& t) { return t.name.find(lost) != std::string::npos; });
    const std::string message = refusal(ErrorKind::bad_file, [&] { recognise(tensors, "f"); });
    EXPECT_NE(message.find(lost), std::string::npos) << message;
  }
  Tensors crooked = fake_depth({}, Layout::original, "");
  for (StoredTensor& tensor : crooked)
    if (tensor.name == "pretrained.model.pos_embed") tensor.shape = Shape{1, 578, 768};
  refusal(ErrorKind::bad_file, [&] { recognise(crooked, "f"); });
}

TEST(Recognise, KnowsSmallAutoencoders) {
  const TinyVaeConfig config;
  const auto expect_both = [&](const Tensors& tensors, Layout layout, const std::string& prefix) {
    const Recognised found = recognise(tensors, "f");
    ASSERT_TRUE(found.tiny_encoder && found.tiny_decoder) << prefix;
    EXPECT_EQ(found.tiny_encoder->layout, layout);
    EXPECT_EQ(found.tiny_decoder->prefix, prefix);
    EXPECT_EQ(found.tiny_encoder->config.encoder_blocks, config.encoder_blocks);
    EXPECT_EQ(found.tiny_decoder->config.decoder_blocks, config.decoder_blocks);
    EXPECT_EQ(found.tiny_decoder->config.latent_channels, 4);
    EXPECT_FALSE(found.vae || found.depth);
  };
  expect_both(fake_tiny_vae(config, Layout::original, "encoder.", "decoder."), Layout::original, "decoder.");
  expect_both(fake_tiny_vae(config, Layout::original, "taesd_encoder.", "taesd_decoder."), Layout::original,
              "taesd_decoder.");
  expect_both(fake_tiny_vae(config, Layout::diffusers, "encoder.", "decoder."), Layout::diffusers, "decoder.");
  // A file of its own for each half.
  Tensors alone = fake_tiny_vae(config, Layout::original, "encoder.", "");
  std::erase_if(alone, [](const StoredTensor& t) { return t.name.starts_with("encoder."); });
  const Recognised found = recognise(alone, "f");
  EXPECT_TRUE(found.tiny_decoder);
  EXPECT_FALSE(found.tiny_encoder);
}

TEST(Recognise, NamesKindsOfEverySize) {
  UNetConfig small;
  small.model_channels = 32;
  EXPECT_EQ(kind_of_model(Family::other, small), "text to image, of a size of its own");
  small.in_channels = 9;
  EXPECT_EQ(kind_of_model(Family::other, small), "inpainting, of a size of its own");
  small.in_channels = 5;
  EXPECT_EQ(kind_of_model(Family::other, small), "depth, of a size of its own");
  small.class_input = ClassInput::level;
  EXPECT_EQ(kind_of_model(Family::other, small), "upscaler, of a size of its own");
  EXPECT_STREQ(kind_of_model(Family::sd2_depth, small).c_str(), name_of(Family::sd2_depth));
}

TEST(Recognise, NamesWhatIsNoModel) {
  const auto only = [](std::string name, Shape shape) {
    return Tensors{{std::move(name), StoredType::f32, shape, {}}};
  };
  EXPECT_TRUE(recognise(only("lora_unet_down_blocks_0.lora_down.weight", Shape{4, 8}), "f").lora);
  EXPECT_TRUE(recognise(only("emb_params", Shape{2, 1024}), "f").embedding);
  EXPECT_TRUE(recognise(only("<word>", Shape{1024}), "f").embedding);
  EXPECT_TRUE(recognise(only("control_model.zero_convs.0.0.weight", Shape{1}), "f").control_net);
  EXPECT_FALSE(recognise({}, "f").any_network());
}

TEST(Recognise, RefusesOtherArchitectures) {
  UNetConfig xl;
  xl.context_dim = 2048;
  refusal(ErrorKind::unsupported, [&] { recognise(fake_unet(xl, Layout::original, "model.diffusion_model."), "f"); });
  Tensors distilled = fake_unet({}, Layout::original, "model.diffusion_model.");
  std::erase_if(distilled, [](const StoredTensor& t) { return t.name.find("middle_block.1.") != std::string::npos; });
  refusal(ErrorKind::unsupported, [&] { recognise(distilled, "f"); });
  Tensors cut = fake_unet({}, Layout::original, "");
  std::erase_if(cut, [](const StoredTensor& t) { return t.name == "out.2.weight"; });
  refusal(ErrorKind::bad_file, [&] { recognise(cut, "f"); });
}

TEST(Recognise, TheSpreadOfABiasTellsVelocityFromNoise) {
  for (const double spread : {0.05, 0.2}) {
    Tensors tensors = fake_unet({}, Layout::original, "model.diffusion_model.");
    std::vector<float> values;
    for (int i = 0; i < 320; ++i) values.push_back(static_cast<float>(i % 2 ? spread : -spread));
    for (StoredTensor& tensor : tensors)
      if (tensor.name == "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias") {
        tensor.shape = Shape{320};
        tensor.bytes = std::as_bytes(std::span(values));
      }
    const Recognised found = recognise(tensors, "f");
    EXPECT_EQ(prediction_by_statistic(tensors, *found.unet),
              spread > 0.09 ? Prediction::v_prediction : Prediction::epsilon);
  }
}

}  // namespace
}  // namespace calotype

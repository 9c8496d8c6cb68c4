#include <gtest/gtest.h>

#include <algorithm>

#include "base/output_file.h"
#include "load/formula_file.h"
#include "load/formula_source.h"
#include "load/stable_diffusion.h"
#include "nn/fresh_source.h"
#include "support/scratch.h"
#include "tensor/history.h"

namespace calotype {
namespace {

UNetConfig unet(int64_t in_channels = 4) {
  return {.in_channels = in_channels,
          .model_channels = 16,
          .channel_mult = {1, 2},
          .num_res_blocks = 1,
          .attention_resolutions = {1, 2},
          .num_head_channels = 8,
          .context_dim = 24,
          .groups = 4};
}

const VaeConfig kVae{.ch = 8, .ch_mult = {1, 2, 2, 2}, .num_res_blocks = 1, .groups = 4};
const TextConfig kText{
    .vocab_size = 100, .width = 24, .layers = 3, .used_layers = 2, .heads = 3, .mlp_width = 96, .projection_width = 24};
const DepthConfig kDepth{.trained_size = 32,
                         .stem_channels = 8,
                         .stage_depths = {1, 1, 2},
                         .stage_channels = {16, 32, 64},
                         .groups = 2,
                         .width = 24,
                         .layers = 3,
                         .heads = 3,
                         .mlp_width = 37,
                         .taps = {1, 2},
                         .features = 8,
                         .head_channels = 4};
const ImageTowerConfig kTower{
    .image_size = 28, .patch_size = 14, .width = 24, .layers = 2, .heads = 3, .mlp_width = 96, .projection_width = 12};

ModelDescription plain(int64_t in_channels = 4) {
  return {.unet = unet(in_channels), .vae = kVae, .text = kText, .latent_size = 8};
}

ModelDescription depth_model() {
  ModelDescription model = plain(5);
  model.depth = kDepth;
  return model;
}

ModelDescription upscaler() {
  ModelDescription model = plain(7);
  model.unet->class_input = ClassInput::level;
  model.unet->class_size = 100;
  model.vae->ch_mult = {1, 2, 2};
  model.prediction = Prediction::v_prediction;
  model.low_beta_start = 0.0002;
  model.low_beta_end = 0.03;
  model.max_noise_level = 35;
  return model;
}

ModelDescription unclip() {
  ModelDescription model = plain();
  model.unet->class_input = ClassInput::vector;
  model.unet->class_size = 2 * kTower.projection_width;
  model.image = kTower;
  return model;
}

std::filesystem::path written(const Scratch& folder, const ModelDescription& model, const char* name = "model") {
  const std::filesystem::path path = folder / (std::string(name) + ".safetensors");
  write_formula_model(path, model, DType::f32);
  return path;
}

/// A network's weights by the formula, in a file of the diffusers layout.
template <class Network, class Config>
void write_in_diffusers_layout(const std::filesystem::path& path, const KeyMap& keys, const char* prefix,
                               const Config& config) {
  FormulaSource formula(keys, prefix);
  TrainableSource all(formula, [](const std::string&) { return true; });
  Network(Params(all), config);
  std::vector<StoredTensor> stored;
  for (const NamedTensor& named : all.parameters()) {
    const StoredKey& key = keys.find(named.name)->diffusers;
    stored.push_back({key.name, StoredType::f32, stored_shape(key, named.tensor.shape()),
                      std::as_bytes(named.tensor.view<float>())});
  }
  write_safetensors(path, stored, {});
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.view<float>(), b.view<float>());
}

Tensor picture(int64_t side) {
  Tensor image = Tensor::empty({1, side, side, 3});
  for (int64_t i = 0; i < image.count(); ++i) image.edit<float>()[i] = static_cast<float>(i % 17) / 8 - 1;
  return image;
}

TEST(Kinds, DepthModelsBringTheirDepthNet) {
  const Scratch folder;
  const NoGrad inference;
  const auto path = written(folder, depth_model());
  const StableDiffusion model = open_stable_diffusion(path);
  EXPECT_EQ(model.unet->config.in_channels, 5);
  const DepthNet& net = depth_net_of(model);
  EXPECT_EQ(net.config.taps, kDepth.taps);
  EXPECT_EQ(net.config.mlp_width, 37);
  const Tensor map = net(picture(32));
  EXPECT_TRUE(same(map, (*open_depth_net(path))(picture(32))));

  // The same net in transformers' words, alone and in a folder.
  std::filesystem::create_directories(folder / "folder" / "depth_estimator");
  folder.write("folder/model_index.json", R"({"_class_name": "StableDiffusionDepth2ImgPipeline"})");
  folder.write("folder/depth_estimator/config.json",
               R"({"num_attention_heads": 3, "backbone_out_indices": [0, 0, 1, 2],
                   "backbone_config": {"num_groups": 2}})");
  write_in_diffusers_layout<DepthNet>(folder / "folder" / "depth_estimator" / "model.safetensors", depth_keys(kDepth),
                                      "depth_model.model.", kDepth);
  EXPECT_TRUE(same(map, (*open_depth_net(folder / "folder"))(picture(32))));
  EXPECT_TRUE(same(map, (*open_depth_net(folder / "folder" / "depth_estimator"))(picture(32))));
}

TEST(Kinds, ADepthModelWithoutItsNetSaysSoWhenItIsNeeded) {
  const Scratch folder;
  const StableDiffusion model = open_stable_diffusion(written(folder, plain(5)));
  const std::string message = refusal(ErrorKind::bad_file, [&] { depth_net_of(model); });
  EXPECT_NE(message.find("--depth"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Kinds, ADamagedDepthNetIsToldInOneLine) {
  const Scratch folder;
  const ModelDescription description = depth_model();
  std::vector<FormulaPart> parts = formula_parts(description);
  for (TensorPlan& plan : parts.back().tensors)
    if (plan.name == "scratch.refinenet2.out_conv.weight") plan.shape = Shape{8, 9, 1, 1};
  std::erase_if(parts.back().tensors,
                [](const TensorPlan& plan) { return plan.name == "pretrained.act_postprocess4.4.bias"; });
  write_formula_file(folder / "model.safetensors", parts, DType::f32);
  write_text(folder / "model.yaml", original_yaml(description));
  const std::string message =
      refusal(ErrorKind::bad_file, [&] { open_stable_diffusion(folder / "model.safetensors"); });
  EXPECT_NE(message.find("the depth net is not whole"), std::string::npos) << message;
  EXPECT_NE(message.find("refinenet2.out_conv.weight needs [8, 8, 1, 1], the file has [8, 9, 1, 1]"), std::string::npos)
      << message;
  EXPECT_NE(message.find("act_postprocess4.4.bias is missing"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);

  // What no shape tells must be said.
  write_text(folder / "model.yaml", original_yaml(plain(5)));
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { open_stable_diffusion(folder / "model.safetensors"); }).find("yaml"),
            std::string::npos);
}

TEST(Kinds, InpaintingModelsTakeNineChannels) {
  const Scratch folder;
  const StableDiffusion model = open_stable_diffusion(written(folder, plain(9)));
  EXPECT_EQ(model.unet->config.in_channels, 9);
  EXPECT_EQ(model.prediction, Prediction::epsilon);
  EXPECT_FALSE(model.depth);
}

TEST(Kinds, UpscalersSayHowMuchNoiseTheyTake) {
  const Scratch folder;
  const StableDiffusion model = open_stable_diffusion(written(folder, upscaler()));
  EXPECT_EQ(model.vae->config.downscale(), 4);
  EXPECT_EQ(model.low_scale.max_level, 35);
  EXPECT_EQ(model.low_scale.noise.beta_start, 0.0002);
  EXPECT_EQ(model.low_scale.noise.beta_end, 0.03);
  ModelDescription too_much = upscaler();
  too_much.max_noise_level = 100;
  const auto path = written(folder, too_much, "much");
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { open_stable_diffusion(path); }).find("100"), std::string::npos);
}

TEST(Kinds, UnclipBringsItsTower) {
  const Scratch folder;
  const StableDiffusion model = open_stable_diffusion(written(folder, unclip()));
  const ImageConditioning& image = image_conditioning_of(model);
  EXPECT_EQ(image.tower->config.heads, 3);
  EXPECT_EQ(image.noise.beta_schedule, "squaredcos_cap_v2");
  EXPECT_FALSE(image.mean);

  // Statistics beside the file, where its yaml names them.
  const std::vector<float> mean(12, 0.5f), deviation(12, 2);
  write_safetensors(
      folder / "stats.safetensors",
      std::vector<StoredTensor>{{"mean", StoredType::f32, Shape{1, 12}, std::as_bytes(std::span(mean))},
                                {"std", StoredType::f32, Shape{1, 12}, std::as_bytes(std::span(deviation))}},
      {});
  write_text(folder / "model.yaml", original_yaml(unclip()) +
                                        "    noise_aug_config:\n      params:\n"
                                        "        clip_stats_path: checkpoints/stats.th\n");
  const StableDiffusion with = open_stable_diffusion(folder / "model.safetensors");
  ASSERT_TRUE(with.image.mean);
  EXPECT_EQ(with.image.deviation.view<float>()[11], 2);

  // A tower that does not fit the network.
  ModelDescription other = unclip();
  other.unet->class_size = 25;
  const auto path = written(folder, other, "other");
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { open_stable_diffusion(path); }).find("24"), std::string::npos);
}

TEST(Kinds, Sd1HasATextTowerOfTransformers) {
  const Scratch folder;
  ModelDescription description = plain();
  description.text->used_layers = 3;
  description.text->projection_width = 0;
  description.text->activation = TextActivation::quick_gelu;
  description.text->padding_id = 49407;
  description.unet->use_linear_in_transformer = false;
  const auto path = written(folder, description);
  const Safetensors file(path);
  ASSERT_TRUE(file.find("cond_stage_model.transformer.text_model.encoder.layers.2.mlp.fc1.weight"));
  EXPECT_EQ(file.find("model.diffusion_model.middle_block.1.proj_in.weight")->shape, (Shape{32, 32, 1, 1}));
  const StableDiffusion model = open_stable_diffusion(path);
  EXPECT_EQ(model.text->config.used_layers, 3);
  EXPECT_EQ(model.text->config.activation, TextActivation::quick_gelu);
  EXPECT_EQ(model.text->config.padding_id, 49407);
  EXPECT_FALSE(model.unet->config.use_linear_in_transformer);
}

TEST(Kinds, ATurboModelIsKnownByItsMetadata) {
  const Scratch folder;
  EXPECT_FALSE(open_stable_diffusion(written(folder, plain())).turbo);
  write_formula_model(folder / "fast.safetensors", plain(), DType::f32, {{"modelspec.title", "SD-Turbo"}});
  EXPECT_TRUE(open_stable_diffusion(folder / "fast.safetensors").turbo);
}

TEST(Kinds, WhatIsNotSaidIsProbedAndTheProgramSaysSo) {
  const Scratch folder;
  const auto path = written(folder, plain(9));
  // A yaml without the word: heads and groups, no parameterization.
  std::string yaml = original_yaml(plain(9));
  const size_t at = yaml.find("    parameterization");
  yaml.erase(at, yaml.find('\n', at) + 1 - at);
  write_text(folder / "model.yaml", yaml);
  const StableDiffusion model = open_stable_diffusion(path);
  EXPECT_NE(model.prediction_source.find("probe"), std::string::npos);
  EXPECT_NE(model.prediction_source.find("--prediction"), std::string::npos);
  EXPECT_EQ(open_stable_diffusion(path, {.prediction = Prediction::v_prediction}).prediction, Prediction::v_prediction);
}

TEST(Kinds, SmallAutoencodersComeInBothLayouts) {
  const Scratch folder;
  const NoGrad inference;
  const TinyVaeConfig config{.width = 8};
  write_formula_file(folder / "taesd.safetensors", formula_parts(config), DType::f32);
  const Tensor latent = (*open_tiny_encoder(folder / "taesd.safetensors"))(picture(16));
  const Tensor image = (*open_tiny_decoder(folder / "taesd.safetensors"))(latent);
  EXPECT_EQ(image.shape(), (Shape{1, 16, 16, 3}));

  // Its authors' two files, without prefixes.
  std::vector<FormulaPart> parts = formula_parts(config);
  FormulaSource up(tiny_decoder_keys(config), "decoder.");
  const TinyDecoder decoder(Params(up), config);
  EXPECT_TRUE(same(decoder(latent), image));
  write_in_diffusers_layout<TinyDecoder>(folder / "theirs.safetensors", tiny_decoder_keys(config), "decoder.", config);
  EXPECT_TRUE(same((*open_tiny_decoder(folder / "theirs.safetensors"))(latent), image));
  const std::string message = refusal(ErrorKind::bad_file, [&] { open_tiny_encoder(folder / "theirs.safetensors"); });
  EXPECT_NE(message.find("small encoder"), std::string::npos) << message;
}

TEST(Kinds, RealSizesHaveTheRealNumbersOfValues) {
  const auto values = [](const FormulaPart& part) {
    int64_t count = 0;
    for (const TensorPlan& plan : part.tensors) count += plan.shape.count();
    return std::pair(part.tensors.size(), count);
  };
  using Count = std::pair<size_t, int64_t>;
  const auto part = [&](ReleasedModel model, size_t index) {
    return values(formula_parts(description_of(model))[index]);
  };
  EXPECT_EQ(part(ReleasedModel::inpainting, 0), Count(686, 865925124));
  EXPECT_EQ(part(ReleasedModel::depth, 0), Count(686, 865913604));
  EXPECT_EQ(part(ReleasedModel::depth, 3), Count(368, 123146985));
  EXPECT_EQ(part(ReleasedModel::x4, 0), Count(687, 473398020));
  EXPECT_EQ(part(ReleasedModel::x4, 1), Count(204, 55325927));
  EXPECT_EQ(part(ReleasedModel::unclip_h, 0), Count(690, 870173124));
  EXPECT_EQ(part(ReleasedModel::unclip_h, 3).second, 632076800);
  EXPECT_EQ(part(ReleasedModel::unclip_l, 0), Count(690, 869517764));
  EXPECT_EQ(part(ReleasedModel::unclip_l, 3).second, 303966208);
  EXPECT_EQ(part(ReleasedModel::sd1, 0), Count(686, 859520964));
  EXPECT_EQ(part(ReleasedModel::sd1, 2), Count(196, 123060480));
  EXPECT_EQ(part(ReleasedModel::sd1_inpainting, 0), Count(686, 859535364));
  int64_t small = 0;
  for (const FormulaPart& half : formula_parts(TinyVaeConfig{})) small += values(half).second;
  EXPECT_EQ(small, 2445063);
}

}  // namespace
}  // namespace calotype

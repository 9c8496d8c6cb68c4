#include "io/settings.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/fake_weights.h"
#include "io/json.h"
#include "io/scratch.h"
#include "io/yaml.h"

namespace calotype {
namespace {

constexpr std::string_view kReleased = R"(model:
  base_learning_rate: 1.0e-4
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    parameterization: "v"
    linear_start: 0.00085
    linear_end: 0.0120
    timesteps: 1000
    image_size: 64
    conditioning_key: crossattn
    scale_factor: 0.18215
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        use_checkpoint: True
        in_channels: 4
        model_channels: 320
        attention_resolutions: [ 4, 2, 1 ]
        num_head_channels: 64 # need to fix for flash-attn
        num_heads: -1
        context_dim: 1024
    first_stage_config:
      params:
        embed_dim: 4
        ddconfig:
          ch_mult:
          - 1
          - 2
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenOpenCLIPEmbedder
      params:
        freeze: True
        layer: "penultimate"
)";

TEST(Settings, ReadsAYamlOfTheOriginal) {
  const ModelSettings settings = settings_from_yaml(kReleased, "a.yaml");
  EXPECT_EQ(settings.prediction, Prediction::v_prediction);
  EXPECT_EQ(settings.beta_start, 0.00085);
  EXPECT_EQ(settings.beta_end, 0.012);
  EXPECT_EQ(settings.train_steps, 1000);
  EXPECT_EQ(settings.scale_factor, 0.18215);
  EXPECT_EQ(settings.in_channels, 4);
  EXPECT_EQ(settings.num_head_channels, 64);
  EXPECT_FALSE(settings.num_heads);
  EXPECT_EQ(settings.context_dim, 1024);
  EXPECT_EQ(settings.unused_layers, 1);
  EXPECT_FALSE(settings.unet_groups);
  EXPECT_FALSE(settings.padding_id);
}

TEST(Settings, AJsonObjectIsAYaml) {
  const ModelSettings settings = settings_from_yaml(
      R"({"model": {"params": {"parameterization": "x0", "unet_config": {"params": {"num_heads": 2, "groups": 4,
          "disable_self_attentions": [true, false]}}}}})",
      "a");
  EXPECT_EQ(settings.prediction, Prediction::sample);
  EXPECT_EQ(settings.num_heads, 2);
  EXPECT_EQ(settings.unet_groups, 4);
  EXPECT_EQ(settings.disable_self_attentions, (std::vector<bool>{true, false}));
}

TEST(Settings, RefusesBadYaml) {
  const auto message = [](const std::string& text) {
    return refusal(ErrorKind::bad_file, [&] { settings_from_yaml(text, "a.yaml"); });
  };
  const auto params = [](const std::string& line) { return "model:\n  params:\n    " + line + "\n"; };
  EXPECT_NE(message(params("parameterization: w")).find("eps, v or x0"), std::string::npos);
  EXPECT_NE(message(params("timesteps: many")).find("found many"), std::string::npos);
  EXPECT_NE(message(params("timesteps: 0")).find("timesteps"), std::string::npos);
  EXPECT_NE(message(params("timesteps: 99999999999999999999")).find("timesteps"), std::string::npos);
  EXPECT_NE(message(params("linear_start: .nan")).find("above 0"), std::string::npos);
  EXPECT_NE(message(params("unet_config: 3")).find("unet_config"), std::string::npos);
  EXPECT_NE(message(params("unet_config: {params: {disable_self_attentions: [1, 2]}}")).find("true and false"),
            std::string::npos);
  EXPECT_NE(message("model: &a {params: *a}").find("aliases"), std::string::npos);
  EXPECT_NE(message(std::string(100'000, '[')).find("deep"), std::string::npos);
  EXPECT_NE(message(std::string(2'000'000, ' ')).find("bytes"), std::string::npos);
  EXPECT_NE(message("[1, 2]").find("map"), std::string::npos);
  EXPECT_NE(message("").find("map"), std::string::npos);
  EXPECT_NE(message("a: b: c").find("line 1"), std::string::npos);
  EXPECT_NE(message("a: \xff").find("UTF-8"), std::string::npos);
  message("\"unclosed");
  message("%TAG ! !\n--- !<");
}

TEST(Settings, OurYamlIsReadBack) {
  ModelDescription description;
  UNetConfig& unet = description.unet.emplace();
  unet.model_channels = 64;
  unet.channel_mult = {1, 2, 3};
  unet.attention_resolutions = {2, 4};
  unet.num_heads = 0;
  unet.num_head_channels = 32;
  unet.context_dim = 256;
  unet.groups = 16;
  unet.disable_self_attentions = {false, true, false};
  description.vae = VaeConfig{.ch = 48, .ch_mult = {1, 2}, .groups = 8, .scale_factor = 0.913};
  description.text = TextConfig{.width = 256, .layers = 6, .used_layers = 5, .heads = 4, .padding_id = 7};
  description.prediction = Prediction::v_prediction;
  description.beta_start = 0.001;
  description.latent_size = 32;
  const ModelSettings settings = settings_from_yaml(original_yaml(description), "ours");
  EXPECT_EQ(settings.prediction, Prediction::v_prediction);
  EXPECT_EQ(settings.beta_start, 0.001);
  EXPECT_EQ(settings.beta_end, 0.012);
  EXPECT_EQ(settings.latent_size, 32);
  EXPECT_EQ(settings.model_channels, 64);
  EXPECT_EQ(settings.num_head_channels, 32);
  EXPECT_EQ(settings.unet_groups, 16);
  EXPECT_EQ(settings.disable_self_attentions, description.unet->disable_self_attentions);
  EXPECT_EQ(settings.scale_factor, 0.913);
  EXPECT_EQ(settings.vae_groups, 8);
  EXPECT_EQ(settings.unused_layers, 1);
  EXPECT_EQ(settings.text_heads, 4);
  EXPECT_EQ(settings.activation, TextActivation::gelu);
  EXPECT_EQ(settings.padding_id, 7);
}

Recognised small_unet() {
  UNetConfig config;
  config.model_channels = 8;
  config.channel_mult = {1, 2};
  config.num_res_blocks = 1;
  config.attention_resolutions = {1, 2};
  config.context_dim = 16;
  return recognise(fake_unet(config, Layout::original, ""), "f");
}

TEST(Settings, FillWhatShapesLeaveOpen) {
  Recognised found = small_unet();
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { require_complete(found, "f"); }).find("heads"), std::string::npos);
  ModelSettings settings;
  settings.heads_of_levels = {2, 4};
  settings.unet_groups = 4;
  apply(settings, found);
  EXPECT_EQ(found.unet->config.num_head_channels, 4);
  EXPECT_EQ(found.unet->config.num_heads, 0);
  require_complete(found, "f");
  settings.heads_of_levels = {2, 2};
  apply(settings, found);
  EXPECT_EQ(found.unet->config.num_heads, 2);
  settings.heads_of_levels = {1, 8};
  refusal(ErrorKind::unsupported, [&] { apply(settings, found); });
  settings.heads_of_levels = {1, 1, 1};
  refusal(ErrorKind::bad_file, [&] { apply(settings, found); });
  settings.heads_of_levels.clear();
  settings.num_heads = 3;
  apply(settings, found);
  EXPECT_NE(refusal(ErrorKind::bad_file, [&] { require_complete(found, "f"); }).find("8 channels"), std::string::npos);
}

TEST(Settings, ThatContradictTheWeightsAreRefused) {
  Recognised found = small_unet();
  ModelSettings settings;
  settings.source = "v1.yaml";
  settings.context_dim = 768;
  const std::string message = refusal(ErrorKind::bad_file, [&] { apply(settings, found); });
  EXPECT_NE(message.find("768"), std::string::npos);
  EXPECT_NE(message.find("16"), std::string::npos);
}

TEST(Settings, MetadataSayWhatIsPredicted) {
  EXPECT_EQ(settings_from_metadata({{"modelspec.prediction_type", "v"}}, "f").prediction, Prediction::v_prediction);
  EXPECT_EQ(settings_from_metadata({{"modelspec.prediction_type", "epsilon"}}, "f").prediction, Prediction::epsilon);
  EXPECT_FALSE(settings_from_metadata({{"format", "pt"}}, "f").prediction);
  EXPECT_EQ(settings_from_metadata({{"calotype.config", std::string(kReleased)}}, "f").num_head_channels, 64);
}

TEST(Settings, AreFoundBesideAFile) {
  const Scratch scratch;
  EXPECT_FALSE(settings_beside(scratch / "model.safetensors"));
  scratch.write("model.yaml", kReleased);
  const auto settings = settings_beside(scratch / "model.safetensors");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->prediction, Prediction::v_prediction);
}

TEST(Settings, ReadAFoldersConfigFiles) {
  const Scratch scratch;
  for (const char* part : {"unet", "vae", "scheduler", "text_encoder"})
    std::filesystem::create_directory(scratch / part);
  scratch.write("unet/config.json", R"({"in_channels": 4, "attention_head_dim": [2, 4], "norm_num_groups": 4,
      "cross_attention_dim": 16, "sample_size": 8, "only_cross_attention": false, "new": {"a": [1]}})");
  scratch.write("vae/config.json", R"({"norm_num_groups": 4, "scaling_factor": 0.5})");
  scratch.write("scheduler/scheduler_config.json",
                R"({"_class_name": "DDIMScheduler", "prediction_type": "v_prediction", "beta_start": 0.00085,
                    "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000,
                    "steps_offset": 1, "set_alpha_to_one": false, "trained_betas": null})");
  scratch.write("text_encoder/config.json", R"({"num_attention_heads": 2, "hidden_act": "gelu"})");
  const ModelSettings settings = settings_from_folder(scratch / "");
  EXPECT_EQ(settings.prediction, Prediction::v_prediction);
  EXPECT_EQ(settings.heads_of_levels, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(settings.unet_groups, 4);
  EXPECT_EQ(settings.vae_groups, 4);
  EXPECT_EQ(settings.scale_factor, 0.5);
  EXPECT_EQ(settings.text_heads, 2);
  EXPECT_EQ(settings.activation, TextActivation::gelu);
  EXPECT_EQ(settings.scheduler, "DDIMScheduler");
  EXPECT_EQ(settings.steps_offset, 1);
  EXPECT_EQ(settings.set_alpha_to_one, false);
  EXPECT_FALSE(settings.disable_self_attentions);

  scratch.write("scheduler/scheduler_config.json", R"({"prediction_type": "w"})");
  refusal(ErrorKind::bad_file, [&] { settings_from_folder(scratch / ""); });
  scratch.write("scheduler/scheduler_config.json", "[1]");
  refusal(ErrorKind::bad_file, [&] { settings_from_folder(scratch / ""); });
  scratch.write("scheduler/scheduler_config.json", R"({"steps_offset": 1e300, "beta_start": "x"})");
  refusal(ErrorKind::bad_file, [&] { settings_from_folder(scratch / ""); });
}

TEST(Settings, ReadWhatOnlySomeFoldersHave) {
  const std::string turbo = R"({"_class_name": "EulerDiscreteScheduler", "prediction_type": "epsilon",
                                "timestep_spacing": "trailing"})";
  EXPECT_TRUE(settings_from_configs({.scheduler = turbo}, "f").turbo);
  std::string slow = turbo;
  slow.replace(slow.find("trailing"), 8, "linspace");
  EXPECT_FALSE(settings_from_configs({.scheduler = slow}, "f").turbo);

  const ModelSettings some = settings_from_configs(
      {.depth_estimator = R"({"num_attention_heads": 4, "backbone_out_indices": [2, 5, 8, 11],
                              "backbone_config": {"num_groups": 2}})",
       .feature_extractor = R"({"resample": 3})",
       .image_encoder = R"({"num_attention_heads": 16, "hidden_act": "gelu"})",
       .low_res_scheduler = R"({"beta_start": 0.001, "beta_end": 0.03, "num_train_timesteps": 500})",
       .image_noising_scheduler = R"({"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 10})",
       .model_index = R"({"max_noise_level": 300})"},
      "f");
  EXPECT_EQ(some.depth_heads, 4);
  EXPECT_EQ(some.depth_taps, (std::array<int64_t, 2>{8, 11}));
  EXPECT_EQ(some.depth_groups, 2);
  EXPECT_EQ(some.depth_resample, 3);
  EXPECT_EQ(some.image_heads, 16);
  EXPECT_EQ(some.image_activation, TextActivation::gelu);
  EXPECT_EQ(some.image_train_steps, 10);
  EXPECT_EQ(some.low_beta_end, 0.03);
  EXPECT_EQ(some.max_noise_level, 300);
  refusal(ErrorKind::bad_file,
          [] { settings_from_configs({.depth_estimator = R"({"backbone_out_indices": [0, 0, -1, "x"]})"}, "f"); });
  refusal(ErrorKind::bad_file,
          [] { settings_from_yaml("model: {params: {depth_stage_config: {params: {taps: [1, -2]}}}}", "f"); });
  refusal(ErrorKind::unsupported, [] { settings_from_configs({.image_encoder = R"({"hidden_act": "relu"})"}, "f"); });
}

TEST(Json, IsReadWithinBounds) {
  EXPECT_EQ(parse_json(R"({"a": [1, 2]})", "f")["a"].size(), 2u);
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("{}\0", 3), std::string(100'000, '['), std::string("[\xff]"),
        std::string(65, '[') + std::string(65, ']'), std::string("1e999"), std::string("{} {}")})
    refusal(ErrorKind::bad_file, [&] { parse_json(text, "f"); });
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']'), "f").is_array());
  const Scratch scratch;
  scratch.write("big.json", std::string(1000, ' ') + "1");
  refusal(ErrorKind::bad_file, [&] { read_json(scratch / "big.json", 100); });
  EXPECT_EQ(read_json(scratch / "big.json"), 1);
}

}  // namespace
}  // namespace calotype

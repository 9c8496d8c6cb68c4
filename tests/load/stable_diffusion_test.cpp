#include "load/stable_diffusion.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/output_file.h"
#include "load/write_model.h"
#include "support/scratch.h"

namespace calotype {
namespace {

const UNetConfig kUNet{.model_channels = 16,
                       .channel_mult = {1, 2},
                       .num_res_blocks = 1,
                       .attention_resolutions = {1, 2},
                       .num_head_channels = 8,
                       .context_dim = 24,
                       .groups = 4};
const VaeConfig kVae{.ch = 8, .ch_mult = {1, 2, 2, 2}, .num_res_blocks = 1, .groups = 4};
const TextConfig kText{.vocab_size = 49408, .width = 24, .layers = 3, .used_layers = 2, .heads = 3, .mlp_width = 96};

/// A whole tiny model with fresh weights: three parts in one file, with a yaml.
struct TinyModel {
  FreshSource unet{1}, vae{2}, text{3};

  TinyModel() {
    UNet{Params(unet), kUNet};
    Vae{Params(vae), kVae};
    TextEncoder{Params(text), kText};
  }
  std::vector<WrittenPart> parts() const {
    return {{"model.diffusion_model.", unet_keys(kUNet), unet.parameters()},
            {"first_stage_model.", vae_keys(kVae), vae.parameters()},
            {"cond_stage_model.model.", text_keys(kText), text.parameters()}};
  }
  static ModelDescription description() {
    return {.unet = kUNet,
            .vae = kVae,
            .text = kText,
            .prediction = Prediction::v_prediction,
            .latent_size = 8,
            .zero_terminal_snr = true};
  }
};

std::string refused(const std::filesystem::path& path) {
  return refusal(ErrorKind::bad_file, [&] { open_stable_diffusion(path); });
}

TEST(StableDiffusionFile, OpensWithTheSameWeights) {
  const Scratch folder;
  const TinyModel tiny;
  write_original(folder / "tiny.safetensors", tiny.parts(), DType::f32);
  write_text(folder / "tiny.yaml", original_yaml(TinyModel::description()));
  const StableDiffusion model = open_stable_diffusion(folder / "tiny.safetensors");
  EXPECT_EQ(model.name, "tiny");
  EXPECT_EQ(model.prediction, Prediction::v_prediction);
  EXPECT_TRUE(model.noise.zero_terminal_snr);
  EXPECT_EQ(model.native_size(), 64);
  EXPECT_EQ(model.text->config.used_layers, 2);
  const Tensor& weight = model.unet->mid_transformer.cross.to_k.weight;
  const auto found = std::ranges::find(tiny.unet.parameters(), "mid.transformer.cross.to_k.weight", &NamedTensor::name);
  ASSERT_NE(found, tiny.unet.parameters().end());
  EXPECT_TRUE(std::ranges::equal(weight.view<float>(), found->tensor.view<float>()));
  // q, k and v lie in one tensor of the file.
  const auto to_v = std::ranges::find(tiny.text.parameters(), "blocks.1.attention.to_v.weight", &NamedTensor::name);
  EXPECT_TRUE(
      std::ranges::equal(model.text->blocks[1].attention.to_v.weight.view<float>(), to_v->tensor.view<float>()));
}

TEST(StableDiffusionFile, PartsMayLieInFilesOfTheirOwn) {
  const Scratch folder;
  const TinyModel tiny;
  const auto parts = tiny.parts();
  write_original(folder / "unet.safetensors", {parts[0]}, DType::f16);
  write_original(folder / "vae.safetensors", {parts[1]}, DType::f16);
  write_original(folder / "text.safetensors", {parts[2]}, DType::f16);
  ModelDescription description = TinyModel::description();
  description.vae.reset();
  description.text.reset();
  description.vae_path = "vae.safetensors";
  description.text_path = "text.safetensors";
  write_text(folder / "unet.yaml", original_yaml(description));
  write_text(folder / "vae.yaml", original_yaml({.vae = kVae}));
  write_text(folder / "text.yaml", original_yaml({.text = kText}));
  const StableDiffusion model = open_stable_diffusion(folder / "unet.safetensors");
  EXPECT_EQ(model.vae->config.groups, 4);
  EXPECT_EQ(model.text->config.heads, 3);
  EXPECT_EQ(model.unet->conv_in.weight.dtype(), DType::f16);

  description.vae_path = "absent.safetensors";
  write_text(folder / "unet.yaml", original_yaml(description));
  EXPECT_NE(refused(folder / "unet.safetensors").find("absent.safetensors"), std::string::npos);
}

TEST(StableDiffusionFile, TellsEverythingThatIsMissing) {
  const Scratch folder;
  const TinyModel tiny;
  auto parts = tiny.parts();
  std::erase_if(parts[0].tensors, [](const NamedTensor& named) { return named.name.find("norm_out") == 0; });
  write_original(folder / "tiny.safetensors", parts, DType::f32);
  write_text(folder / "tiny.yaml", original_yaml(TinyModel::description()));
  const std::string message = refused(folder / "tiny.safetensors");
  EXPECT_NE(message.find("model.diffusion_model.out.0.weight"), std::string::npos) << message;
  EXPECT_NE(message.find("model.diffusion_model.out.0.bias"), std::string::npos) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(StableDiffusionFile, AsksForWordsThatShapesDoNotTell) {
  const Scratch folder;
  write_original(folder / "tiny.safetensors", TinyModel().parts(), DType::f32);
  EXPECT_NE(refused(folder / "tiny.safetensors").find("yaml"), std::string::npos);
}

TEST(StableDiffusionFile, SaysWhatAFileIsThatIsNoModel) {
  const Scratch folder;
  const TinyModel tiny;
  write_original(folder / "vae.safetensors", {tiny.parts()[1]}, DType::f32);
  write_text(folder / "vae.yaml", original_yaml({.vae = kVae}));
  EXPECT_NE(refused(folder / "vae.safetensors").find("an autoencoder alone"), std::string::npos);
  EXPECT_NE(refused(folder.write("text.safetensors", "no such thing at all")).find("text.safetensors"),
            std::string::npos);
  EXPECT_NE(refused((folder / "")).find("model_index.json"), std::string::npos);
}

}  // namespace
}  // namespace calotype

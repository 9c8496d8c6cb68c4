#include "load/adapters.h"

#include <gtest/gtest.h>

#include "io/safetensors.h"
#include "models/unet.h"
#include "ops/arithmetic.h"
#include "ops/linear.h"
#include "ops/structure.h"
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
const std::string kLayer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
const std::string kOurs = "mid.transformer.self.to_q.weight";

AdaptedNetwork unet() {
  return adapted_network<UNet>(kUNet, unet_keys(kUNet));
}
AdaptedNetwork no_text() {
  return {KeyMap({}), {}};
}

struct Written {
  std::string name;
  Shape shape;
  std::vector<float> values;
};

void write(const std::filesystem::path& path, const std::vector<Written>& tensors) {
  std::vector<StoredTensor> stored;
  for (const Written& tensor : tensors)
    stored.push_back({tensor.name, StoredType::f32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  write_safetensors(path, stored, {});
}

std::vector<Written> low_rank(const std::string& layer, float value, int64_t width = 32) {
  return {{layer + ".lora_down.weight", {2, width}, std::vector<float>(2 * width, value)},
          {layer + ".lora_up.weight", {32, 2}, std::vector<float>(64, 0.5f)}};
}

TEST(Adapters, BesideTheWeightIsWhatMergedGives) {
  const Scratch scratch;
  write(scratch / "one.safetensors", low_rank(kLayer, 0.25f));
  write(scratch / "two.safetensors", low_rank(kLayer, -0.125f));
  const Adapters adapters({{scratch / "one.safetensors", 0.8, 1}, {scratch / "two.safetensors", -0.5, 1}}, unet(),
                          no_text());
  const Shape shape{32, 32};
  const Tensor base = Tensor::full(shape, 0.1), x = Tensor::full({3, 32}, 2);
  ASSERT_TRUE(adapters.unet().runs_beside(kOurs, shape));
  const LowRank change = *adapters.unet().beside(kOurs, shape);
  const Tensor beside = linear(x, base, {}, change, Precision::f32, {});
  const Tensor merged = linear(x, adapters.unet().merged(kOurs, base), {});
  // 2 · 32 inputs of 2; the change of each weight is 0.8 · 2 · 0.25 · 0.5 + 0.5 · 2 · 0.125 · 0.5.
  const double want = 64 * (0.1 + 0.2 + 0.0625);
  for (const float y : beside.view<float>()) EXPECT_NEAR(y, want, 1e-4);
  for (const float y : merged.view<float>()) EXPECT_NEAR(y, want, 1e-4);
}

TEST(Adapters, ActivationsComeAfterTheChange) {
  const Tensor x = Tensor::full({2, 4}, 1), weight = Tensor::full({6, 4}, 0.5);
  const LowRank change{Tensor::full({1, 4}, -1), Tensor::full({6, 1}, 0.25)};
  const Tensor merged = Tensor::full({6, 4}, 0.25), add = Tensor::full({2, 3}, 1);
  const Epilogue epilogue{.activation = Activation::geglu};
  const Tensor want = linear(x, merged, {}, Precision::f32, epilogue) + add;
  const Tensor got = linear(x, weight, {}, change, Precision::f32, {.add = add, .activation = Activation::geglu});
  for (size_t i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(got.view<float>()[i], want.view<float>()[i]);
}

TEST(Adapters, HalfPrecisionWeightsGetCopiesInHalfPrecision) {
  const Scratch scratch;
  write(scratch / "full.safetensors", {{"lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.diff",
                                        {32, 32},
                                        std::vector<float>(1024, 1)}});
  const Adapters adapters({{scratch / "full.safetensors", 1, 1}}, unet(), no_text());
  EXPECT_FALSE(adapters.unet().runs_beside(kOurs, {32, 32}));
  const Tensor merged = adapters.unet().merged(kOurs, Tensor::zeros({32, 32}, DType::f16));
  EXPECT_EQ(merged.dtype(), DType::f16);
  EXPECT_EQ(to_float(merged.view<Float16>()[0]), 1);
}

TEST(Adapters, SayWhatTheyDidNotUse) {
  const Scratch scratch;
  std::vector<Written> tensors = low_rank(kLayer, 1);
  tensors.push_back({"lora_unet_nowhere.alpha", {}, {1}});
  tensors.push_back({"something.else", {1}, {1}});
  write(scratch / "a.safetensors", tensors);
  const Adapters adapters({{scratch / "a.safetensors", 1, 1}}, unet(), no_text());
  EXPECT_EQ(adapters.reports()[0].applied, 1);
  EXPECT_EQ(adapters.reports()[0].unused, (std::vector<std::string>{"something.else", "lora_unet_nowhere"}));
}

std::string refused(const std::filesystem::path& file) {
  return refusal(ErrorKind::bad_file, [&] { Adapters({{file, 1, 1}}, unet(), no_text()); });
}

TEST(Adapters, RefuseWhatWasMadeForAnotherVersion) {
  const Scratch scratch;
  write(scratch / "a.safetensors",
        low_rank("lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k", 1, 768));
  const std::string message = refused(scratch / "a.safetensors");
  EXPECT_NE(message.find("width 768"), std::string::npos) << message;
  EXPECT_NE(message.find("24"), std::string::npos) << message;
  EXPECT_NE(message.find("version 1"), std::string::npos) << message;
}

TEST(Adapters, RefuseWhatHasNoLayerHere) {
  const Scratch scratch;
  write(scratch / "a.safetensors", low_rank("lora_unet_joint_blocks_0_x_block_attn_qkv", 1));
  EXPECT_NE(refused(scratch / "a.safetensors").find("another kind of model"), std::string::npos);
  write(scratch / "b.safetensors", {{"weight", {2}, {1, 2}}});
  EXPECT_NE(refused(scratch / "b.safetensors").find("LoRA"), std::string::npos);
}

TEST(Adapters, RefuseShapesThatNoProductHas) {
  const Scratch scratch;
  const std::string file = (scratch / "a.safetensors").string();
  write(file, {{kLayer + ".lora_down.weight", {}, {1}}, {kLayer + ".lora_up.weight", {32, 1}, std::vector<float>(32)}});
  refused(file);
  write(file, {{kLayer + ".lora_down.weight", {0, 32}, {}}, {kLayer + ".lora_up.weight", {32, 0}, {}}});
  refused(file);
  write(file, {{kLayer + ".lokr_w1", {32, 32}, std::vector<float>(1024)}});
  refused(file);
  write(file, {{kLayer + ".dora_scale", {1, 32}, std::vector<float>(32)}});
  refused(file);
  write(file, {{kLayer + ".lora_mid.weight", {2, 2}, std::vector<float>(4)},
               {kLayer + ".lora_down.weight", {2, 32}, std::vector<float>(64)},
               {kLayer + ".lora_up.weight", {32, 2}, std::vector<float>(64)}});
  refused(file);
}

}  // namespace
}  // namespace calotype

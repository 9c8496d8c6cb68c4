#include <gtest/gtest.h>

#include <algorithm>

#include "base/formula.h"
#include "io/safetensors.h"
#include "load/formula_file.h"
#include "load/formula_source.h"
#include "support/scratch.h"

namespace calotype {
namespace {

TEST(FormulaSource, ValuesAreThoseOfTheOriginalKey) {
  FormulaSource source(unet_keys(UNetConfig()), "model.diffusion_model.");
  const Tensor weight = source.get("conv_out.weight", {4, 320, 3, 3}, Init::zeros());
  const float want[] = {-0.0252962f, 0.02211806f, -0.01701599f, -0.0235981f};
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(weight.view<float>()[i], want[i], 1e-8f);
  EXPECT_THROW(source.get("no.such.weight", {1}, Init::zeros()), Error);
}

TEST(FormulaSource, SharedTensorsAreCutByRows) {
  TextConfig config{.width = 8, .layers = 1, .heads = 2, .mlp_width = 16};
  FormulaSource source(text_keys(config), "cond_stage_model.model.");
  const std::vector<float> whole =
      formula_values("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight", {24, 8}, 0, 192);
  for (const auto& [name, first] : {std::pair("q", 0), std::pair("k", 64), std::pair("v", 128)}) {
    const Tensor part = source.get(std::string("blocks.0.attention.to_") + name + ".weight", {8, 8}, Init::zeros());
    EXPECT_TRUE(std::equal(part.view<float>().begin(), part.view<float>().end(), whole.begin() + first)) << name;
  }
}

TEST(FormulaSource, HalvesAreTheRoundedValues) {
  const KeyMap keys = vae_keys(VaeConfig());
  FormulaSource wide(keys, "first_stage_model."), narrow(keys, "first_stage_model.", DType::f16);
  const Tensor a = wide.get("decoder.conv_in.weight", {512, 4, 3, 3}, Init::zeros());
  const Tensor b = narrow.get("decoder.conv_in.weight", {512, 4, 3, 3}, Init::zeros());
  for (int64_t i = 0; i < a.count(); ++i)
    ASSERT_EQ(b.view<Float16>()[i].bits, to_float16(a.view<float>()[i]).bits) << i;
}

TEST(FormulaFile, HoldsWhatTheSourceGives) {
  const Scratch scratch;
  UNetConfig unet{.model_channels = 32,
                  .channel_mult = {1, 2},
                  .num_res_blocks = 1,
                  .attention_resolutions = {1},
                  .num_head_channels = 8,
                  .context_dim = 16};
  TextConfig text{.vocab_size = 32, .width = 8, .layers = 2, .heads = 2, .mlp_width = 16, .projection_width = 8};
  const auto path = scratch / "model.safetensors";
  write_formula_file(path, {formula_part(unet), formula_part(text)}, DType::f16);

  const Safetensors file(path);
  const StoredTensor* fused = file.find("cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight");
  ASSERT_NE(fused, nullptr);
  EXPECT_EQ(fused->shape, (Shape{24, 8}));
  ASSERT_NE(file.find("cond_stage_model.model.logit_scale"), nullptr);
  EXPECT_EQ(file.find("cond_stage_model.model.logit_scale")->shape.rank(), 0);

  const StoredTensor* weight = file.find("model.diffusion_model.out.2.weight");
  ASSERT_NE(weight, nullptr);
  FormulaSource source(unet_keys(unet), "model.diffusion_model.", DType::f16);
  const Tensor made = source.get("conv_out.weight", weight->shape, Init::zeros());
  EXPECT_TRUE(std::ranges::equal(weight->bytes, std::as_bytes(made.view<Float16>())));
}

TEST(FormulaFile, RealSizesHaveTheRealNumberOfTensorsAndValues) {
  const auto count = [](const FormulaPart& part) {
    int64_t values = 0;
    for (const TensorPlan& plan : part.tensors) values += plan.shape.count();
    return std::pair(part.tensors.size(), values);
  };
  TextConfig text;
  text.projection_width = 1024;
  EXPECT_EQ(count(formula_part(UNetConfig())), (std::pair<size_t, int64_t>(686, 865910724)));
  EXPECT_EQ(count(formula_part(VaeConfig())), (std::pair<size_t, int64_t>(248, 83653863)));
  EXPECT_EQ(count(formula_part(text)), (std::pair<size_t, int64_t>(294, 354032641)));
}

}  // namespace
}  // namespace calotype

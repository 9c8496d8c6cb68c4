#include "pipeline/memory.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/formula.h"
#include "base/isa.h"
#include "load/formula_source.h"
#include "nn/fresh_source.h"
#include "pipeline/decode.h"
#include "pipeline/text_to_image.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"
#include "tensor/work.h"

namespace calotype {
namespace {

std::vector<float> values(const Tensor& tensor) {
  const auto view = tensor.view<float>();
  return {view.begin(), view.end()};
}

Tensor noise(const Shape& shape) {
  Tensor x = Tensor::empty(shape);
  fill_formula_noise("noise", x.edit<float>());
  return x;
}

class Memory : public ::testing::Test {
 protected:
  StableDiffusion open() { return open_stable_diffusion(testing::write_tiny_model(scratch_ / "tiny.safetensors")); }
  Scratch scratch_;
};

TEST_F(Memory, BandsHaveTheBitsOfTheWhole) {
  if (isa() == Isa::scalar) GTEST_SKIP() << "plain kernels make no bands";
  const NoGrad inference;
  const StableDiffusion model = open();
  const Tensor z = noise({1, 11, 9, 4});  // heights and widths that no cut divides
  const auto whole = values(model.vae->decode(z));
  for (const int64_t levels : {1, 2, 3})
    for (const int64_t rows : {1, 24, 1000})
      EXPECT_EQ(values(model.vae->decode(z, {levels, rows})), whole) << levels << " levels in bands of " << rows;
}

TEST_F(Memory, HalvesApartAreTheSamePicture) {
  const StableDiffusion model = open();
  Settled run = settle(model, {.prompt = "a cat", .negative_prompt = "a dog", .steps = 3, .seed = 7});
  const auto together = values(draw_latents(model, run));
  run.memory.halves_apart = true;
  EXPECT_EQ(values(draw_latents(model, run)), together);
}

TEST_F(Memory, TheFastestPlanThatFitsIsTaken) {
  if (isa() == Isa::scalar) GTEST_SKIP() << "plain kernels make no bands";
  const StableDiffusion model = open();
  TextToImage asked{.width = 512, .height = 512, .seed = 1};
  const Settled run = settle(model, asked);
  const int64_t whole = working_memory(model, run);
  const MemoryPlan roomy = plan_memory(model, run, {whole, std::nullopt});
  EXPECT_EQ(roomy.decode.banded_levels, 0);
  EXPECT_FALSE(roomy.halves_apart);
  const MemoryPlan tight = plan_memory(model, run, {whole * 2 / 3, std::nullopt});
  EXPECT_GT(tight.decode.banded_levels, 0);
  const std::string message =
      refusal(ErrorKind::out_of_memory, [&] { plan_memory(model, run, {int64_t{1} << 16, std::nullopt}); });
  EXPECT_NE(message.find("512x512"), std::string::npos) << message;
}

TEST_F(Memory, EncodingAPictureCountsToo) {
  const StableDiffusion model = open();
  Settled run = settle(model, {.width = 512, .height = 512, .seed = 1});
  const int64_t encoding = encoding_memory(*model.vae, 512, 512);
  EXPECT_GT(encoding, 512 * 512 * 32 * 4) << "a map of the finest level";
  run.encodes = true;
  run.memory.decode = {3, 16};
  EXPECT_GE(working_memory(model, run), encoding);
  const std::string message =
      refusal(ErrorKind::out_of_memory, [&] { plan_memory(model, run, {encoding - 1, std::nullopt}); });
  EXPECT_NE(message.find("encoding the picture for 512x512"), std::string::npos) << message;
}

TEST_F(Memory, WeightsCountWhereTheProcessIsLimited) {
  const StableDiffusion model = open();
  const Settled run = settle(model, {.seed = 1});
  EXPECT_GT(model.text_weights.bytes(), 49408 * 32 * 2);
  const MemoryLimit limit{model.text_weights.bytes() + 5, 10};
  const std::string message = refusal(ErrorKind::out_of_memory, [&] { plan_memory(model, run, limit); });
  EXPECT_NE(message.find("max_memory"), std::string::npos) << message;
}

/// A network of real size without a byte of it.
template <class Network, class Config>
Network shape_of(const Config& config) {
  ListingSource source;
  return Network(Params(source), config);
}

template <class Work>
int64_t peak_of(const Work& work) {
  const int64_t before = memory_use().live;
  reset_peak_memory();
  work();
  return memory_use().peak - before;
}

TEST(RealSizes, TheDecoderStaysWithinItsBounds) {
  if (isa() == Isa::scalar) GTEST_SKIP() << "plain kernels make no bands";
  const NoGrad inference;
  const Measuring no_numbers;
  const Vae vae = shape_of<Vae>(VaeConfig());
  const auto decoding = [&](int64_t cells, const DecodePlan& plan) {
    return peak_of([&] { vae.decode(Tensor::empty({1, cells, cells, 4}), plan); });
  };
  constexpr int64_t kMega = 1000 * 1000;
  // In place: the input of the last level, 256 channels of 512 x 512, half as much beside it, and a little.
  EXPECT_LE(decoding(64, {}), 430 * kMega);
  EXPECT_LE(decoding(64, {1, 16}), 230 * kMega);
  EXPECT_LE(decoding(256, {2, 16}), 1900 * kMega) << "2048 x 2048";
}

TEST(RealSizes, TheNetworkStaysWithinItsBounds) {
  const NoGrad inference;
  const Measuring no_numbers;
  const UNet unet = shape_of<UNet>(UNetConfig());
  const auto step = [&](int64_t cells) {
    return peak_of([&] {
      unet({.x = Tensor::empty({1, cells, cells, 4}), .times = {1}, .context = Tensor::empty({2, 77, 1024})});
    });
  };
  constexpr int64_t kMega = 1000 * 1000;
  EXPECT_LE(step(64), 230 * kMega);
  EXPECT_LE(step(96), 480 * kMega);
}

TEST(Sharing, WhatGuidedHalvesShareIsDoneOnceWithTheSameBits) {
  const NoGrad inference;
  const UNetConfig config{.model_channels = 32,
                          .channel_mult = {1, 2},
                          .num_res_blocks = 1,
                          .attention_resolutions = {2, 1},
                          .num_head_channels = 16,
                          .context_dim = 32,
                          .groups = 8};
  FormulaSource source(unet_keys(config), "model.diffusion_model.");
  const UNet unet(Params(source), config);
  const Tensor context = noise({2, 7, 32}), x = noise({1, 8, 8, 4});
  Tensor twice = Tensor::empty({2, 8, 8, 4});
  std::ranges::copy(x.view<float>(), twice.edit<float>().begin());
  std::ranges::copy(x.view<float>(), twice.edit<float>().begin() + x.count());

  const auto counted = [&](const Tensor& pictures, const Tensor& text, std::vector<float>& result) {
    const CountingWork work;
    result = values(unet({.x = pictures, .times = {400}, .context = text}));
    return work.flop();
  };
  std::vector<float> apart, once, again;
  const double all = counted(twice, context.clone(), apart), shared = counted(x, context, once);
  EXPECT_EQ(once, apart);
  EXPECT_LT(shared, all) << "what comes before the first attention to the text is done once";
  EXPECT_LT(counted(x, context, again), shared) << "keys and values are kept with the text";
  EXPECT_EQ(again, apart);
}

}  // namespace
}  // namespace calotype

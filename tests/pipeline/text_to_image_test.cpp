#include "pipeline/text_to_image.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/parallel.h"
#include "ops/structure.h"
#include "pipeline/decode.h"
#include "pipeline/latents.h"
#include "pipeline/memory.h"
#include "pipeline/preview.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"

namespace calotype {
namespace {

using testing::write_tiny_model;

std::vector<float> values(const Tensor& tensor) {
  const auto view = tensor.view<float>();
  return {view.begin(), view.end()};
}

class Drawing_ : public ::testing::Test {
 protected:
  void SetUp() override { model_ = open_stable_diffusion(write_tiny_model(scratch_ / "tiny.safetensors")); }
  void TearDown() override { set_thread_count(0); }

  Scratch scratch_;
  StableDiffusion model_;
  TextToImage asked_{.prompt = "a cat", .negative_prompt = "a dog", .steps = 3, .seed = 7};
};

TEST_F(Drawing_, BitsDoNotDependOnThreads) {
  for (const char* sampler : {"dpmpp_2m", "euler_ancestral"}) {
    asked_.sampler = sampler;
    set_thread_count(1);
    const Drawing one = text_to_image(model_, asked_);
    ASSERT_EQ(one.images.size(), 1u);
    for (const int threads : {2, 4}) {
      set_thread_count(threads);
      const Drawing many = text_to_image(model_, asked_);
      EXPECT_EQ(values(one.latents), values(many.latents)) << sampler << ", threads " << threads;
      EXPECT_EQ(one.images[0].pixels, many.images[0].pixels);
    }
  }
}

TEST_F(Drawing_, BitsDoNotDependOnTheBatch) {
  for (const char* sampler : {"dpmpp_2m", "euler", "euler_ancestral", "ddim"}) {
    asked_.sampler = sampler;
    asked_.seed = 7;
    asked_.batch_count = 4;
    const Drawing together = text_to_image(model_, asked_);
    ASSERT_EQ(together.latents.shape(), (Shape{4, 8, 8, 4}));
    asked_.batch_count = 1;
    for (int64_t i = 0; i < 4; ++i) {
      asked_.seed = 7 + i;
      const Drawing alone = text_to_image(model_, asked_);
      EXPECT_EQ(values(together.latents.rows(i, 1)), values(alone.latents)) << sampler << ", picture " << i;
      EXPECT_EQ(together.images[i].pixels, alone.images[0].pixels);
    }
  }
}

TEST_F(Drawing_, EveryPictureHasItsOwnTexts) {
  asked_.batch_count = 2;
  asked_.seeds = {3, 9};
  asked_.prompts = {"a cat", "a red car"};
  asked_.negative_prompts = {"", "blurry"};
  const Drawing together = text_to_image(model_, asked_);
  TextToImage second{.prompt = "a red car", .negative_prompt = "blurry", .steps = 3, .seed = 9};
  EXPECT_EQ(values(together.latents.rows(1, 1)), values(text_to_image(model_, second).latents));
  second.prompt = "a cat";
  EXPECT_NE(values(together.latents.rows(1, 1)), values(text_to_image(model_, second).latents));
}

TEST_F(Drawing_, WithoutGuidanceTheNegativePromptIsNotSeen) {
  asked_.cfg_scale = 1;
  int64_t rows = 0;
  const Watcher watcher{.tap = Tap([&](const std::string& name, const Tensor& value) {
                          if (name == "context") rows = value.dim(0);
                        })};
  const Drawing drawing = text_to_image(model_, asked_, watcher);
  EXPECT_EQ(rows, 1);
  asked_.negative_prompt = "something else";
  EXPECT_EQ(values(drawing.latents), values(text_to_image(model_, asked_).latents));
}

TEST_F(Drawing_, AnEmptyPromptDrawsAndAnEndlessOneIsCutWithAWarning) {
  asked_.prompt = asked_.negative_prompt = "";
  EXPECT_EQ(text_to_image(model_, asked_).images.size(), 1u);
  asked_.prompt_syntax = "none";
  for (int i = 0; i < 10000; ++i) asked_.prompt += "word" + std::to_string(i % 7) + " ";
  std::vector<std::string> warnings;
  const Watcher watcher{.on_warning = [&](const std::string& line) { warnings.push_back(line); }};
  text_to_image(model_, asked_, watcher);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("words were left out"), std::string::npos) << warnings[0];
}

TEST_F(Drawing_, StopsWhereItsWatcherThrows) {
  size_t steps = 0;
  const Watcher watcher{.on_step = [&](const Progress& at) {
    ++steps;
    if (at.index == 1) fail(ErrorKind::cancelled, "enough");
  }};
  EXPECT_EQ(refusal(ErrorKind::cancelled, [&] { text_to_image(model_, asked_, watcher); }), "enough");
  EXPECT_EQ(steps, 2u);
}

TEST_F(Drawing_, AnyMultipleOfEightIsASize) {
  asked_.width = 40;
  asked_.height = 72;
  const Drawing drawing = text_to_image(model_, asked_);
  EXPECT_EQ(drawing.images[0].width, 40);
  EXPECT_EQ(drawing.images[0].height, 72);
  EXPECT_EQ(drawing.latents.shape(), (Shape{1, 9, 5, 4}));
}

TEST_F(Drawing_, LatentFilesHoldWhatWasDrawn) {
  const Drawing drawing = text_to_image(model_, asked_);
  write_latent(scratch_ / "a.latent", to_latent_file(drawing.latents, 0.18215));
  const Tensor read = from_latent_file(read_latent(scratch_ / "a.latent"), 0.18215, 4, "a.latent");
  const auto before = values(drawing.latents), after = values(read);
  ASSERT_EQ(before.size(), after.size());
  // Divided and multiplied again: two roundings, each half a unit in the last place.
  for (size_t i = 0; i < before.size(); ++i) EXPECT_NEAR(before[i], after[i], 1.2e-7 * std::abs(before[i]));
}

TEST_F(Drawing_, MemoryIsForetold) {
  const Settled run = settle(model_, asked_);
  const int64_t foretold = working_memory(model_, run), before = memory_use().live;
  text_to_image(model_, asked_);  // leaves with the weights what is derived from them
  reset_peak_memory();
  const int64_t live = memory_use().live;
  text_to_image(model_, asked_);
  // Beside network and decoder a sampler holds a few latents and the texts' rows.
  const int64_t few = 16 * 8 * 8 * 4 * 4 + 4 * 77 * 32 * 4;
  EXPECT_LE(memory_use().peak - live, foretold + few);
  EXPECT_GE(foretold, 64 * 64 * 16 * 4);
  EXPECT_GE(live, before);
}

TEST_F(Drawing_, PreviewsHaveAPixelACell) {
  const Image image = Preview(*model_.vae)(text_to_image(model_, asked_).latents);
  EXPECT_EQ(image.width, 8);
  EXPECT_EQ(image.height, 8);
  EXPECT_EQ(image.pixels.size(), 8u * 8 * 3);
  EXPECT_EQ(enlarged(image, 3).pixels.size(), 24u * 24 * 3);
}

TEST(Decoding, RoundsHalvesToEvenOrCuts) {
  // x / 2 + 0.5 times 255 is 0.5, 1.5 and 254.5 up to the rounding of x; beyond the range it is clamped.
  const float levels[] = {0.5f, 1.5f, 254.5f};
  std::vector<float> pixels;
  for (const float level : levels) pixels.push_back(2 * (level / 255) - 1);
  pixels.insert(pixels.end(), {-7, 7, std::nanf("")});
  const Tensor decoded = Tensor::from(std::span<const float>(pixels), Shape{1, 1, 2, 3});
  const Image rounded = to_image(decoded, Recipe::diffusers), cut = to_image(decoded, Recipe::web_ui);
  EXPECT_EQ(rounded.width, 2);
  for (size_t i = 0; i < 3; ++i) {
    const float level = (pixels[i] / 2 + 0.5f) * 255;
    EXPECT_EQ(rounded.pixels[i], static_cast<uint8_t>(std::nearbyint(level)));
    EXPECT_EQ(cut.pixels[i], static_cast<uint8_t>(level));
  }
  EXPECT_EQ(rounded.pixels[3], 0);
  EXPECT_EQ(rounded.pixels[4], 255);
  EXPECT_EQ(rounded.pixels[5], 0);
}

}  // namespace
}  // namespace calotype

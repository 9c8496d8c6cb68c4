#include "pipeline/conditioning.h"

#include <gtest/gtest.h>

#include <cmath>

#include "pipeline/text_to_image.h"
#include "pipeline/tiny_model.h"
#include "pipeline/weighting.h"
#include "support/scratch.h"

namespace calotype {
namespace {

using testing::write_tiny_model;

std::vector<float> values(const Tensor& tensor) {
  const auto view = tensor.view<float>();
  return {view.begin(), view.end()};
}

std::string cats(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "cat ";
  return text;
}

class Prompts : public ::testing::Test {
 protected:
  void SetUp() override { model_ = open_stable_diffusion(write_tiny_model(scratch_ / "tiny.safetensors")); }

  std::vector<float> drawn(const std::string& prompt) {
    asked_.prompt = prompt;
    return values(text_to_image(model_, asked_).latents);
  }
  /// Shapes of what the network attends to, in order.
  std::vector<std::vector<int64_t>> calls(const std::string& prompt) {
    asked_.prompt = prompt;
    const Settled run = settle(model_, asked_);
    const Conditioning conditioning(model_, run, *asked_.steps, {});
    std::vector<std::vector<int64_t>> shapes;
    const Tensor x = Tensor::empty({1, 1, 1, 1});
    for (int64_t step = 0; step < *asked_.steps; ++step)
      conditioning.guided_output(step, x, [&](const Tensor&, const Tensor& context, int64_t, int64_t) {
        shapes.push_back({context.dim(0), context.dim(1)});
        Tensor output = Tensor::empty({context.dim(0), 1, 1, 1});
        for (float& value : output.edit<float>()) value = 0;
        return output;
      });
    return shapes;
  }

  Scratch scratch_;
  StableDiffusion model_;
  TextToImage asked_{.prompt = "", .negative_prompt = "blurry", .steps = 3, .cfg_scale = 3, .seed = 7};
};

TEST_F(Prompts, ThatSayTheSameDrawTheSame) {
  const std::vector<float> plain = drawn("a cat");
  EXPECT_EQ(drawn("(a cat:1.0)"), plain);
  EXPECT_EQ(drawn("[a dog:a cat:0.0]"), plain);
  EXPECT_EQ(drawn("[a cat:a dog:1.0]"), plain);
  EXPECT_EQ(drawn("[a cat|a cat]"), plain);
  EXPECT_NE(drawn("(a cat:1.3)"), plain);
  EXPECT_NE(drawn("[a dog:a cat:1]"), plain);
  EXPECT_NE(drawn("[a cat|a dog]"), plain);
  EXPECT_NE(drawn("a cat AND a dog"), plain);
  asked_.prompt_syntax = "none";
  EXPECT_EQ(drawn("a cat"), plain);
  asked_.prompt_syntax = "comfy";
  EXPECT_EQ(drawn("a cat"), plain);
  EXPECT_NE(drawn("(a cat)"), plain);
}

TEST_F(Prompts, ComposeByTheirWeights) {
  const std::vector<float> plain = drawn("a cat"), nothing = drawn("a cat AND a dog :0"),
                           halves = drawn("a cat :0.5 AND a cat :0.5");
  for (size_t i = 0; i < plain.size(); ++i) {  // sums of a few numbers of their size, over three steps
    EXPECT_NEAR(nothing[i], plain[i], 1e-4);
    EXPECT_NEAR(halves[i], plain[i], 1e-4);
  }
  EXPECT_EQ(calls("a cat AND a dog :0.5"), (std::vector<std::vector<int64_t>>(3, {3, 77})));
}

TEST_F(Prompts, ComposeWithoutGuidanceToo) {
  asked_.cfg_scale = 1;
  const std::vector<float> plain = drawn("a cat"), composed = drawn("a cat AND a dog :0");
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(composed[i], plain[i], 1e-4);
}

TEST_F(Prompts, OfAnyLengthAreSeenWhole) {
  EXPECT_EQ(calls("a cat"), (std::vector<std::vector<int64_t>>(3, {2, 77})));
  const std::vector<std::vector<int64_t>> apart = {{1, 77}, {1, 154}, {1, 77}, {1, 154}, {1, 77}, {1, 154}};
  EXPECT_EQ(calls(cats(80)), apart);
  asked_.negative_prompt = cats(80);
  EXPECT_EQ(calls(cats(76)), (std::vector<std::vector<int64_t>>(3, {2, 154})));
}

TEST_F(Prompts, SwitchAfterTheirStep) {
  asked_.steps = 4;
  const std::string words = cats(80);
  const std::vector<std::vector<int64_t>> wanted = {{2, 77}, {2, 77}, {1, 77}, {1, 154}, {1, 77}, {1, 154}};
  EXPECT_EQ(calls("[a cat:" + words + ":0.5]"), wanted);
}

TEST_F(Prompts, DrawAPictureWhateverIsDrawnBesideIt) {
  asked_.batch_count = 3;
  asked_.prompts = {"a (red:1.4) cat AND a dog", cats(80), "[a cat|a dog]"};
  asked_.negative_prompts = {"blurry", "", "blurry"};
  const Tensor together = text_to_image(model_, asked_).latents;
  for (int64_t i = 0; i < 3; ++i) {
    TextToImage alone = asked_;
    alone.batch_count = 1;
    alone.prompts = {asked_.prompts[i]};
    alone.negative_prompts = {asked_.negative_prompts[i]};
    alone.seed = asked_.seed + i;
    EXPECT_EQ(values(together.rows(i, 1)), values(text_to_image(model_, alone).latents)) << i;
  }
}

TEST_F(Prompts, ClipSkipCountsAsTheWebInterfaceDoes) {
  TextConfig second;  // Stable Diffusion 2: the last of 24 blocks is never used
  EXPECT_EQ(text_layers(second, 1), 23);
  EXPECT_EQ(text_layers(second, 2), 23);
  EXPECT_EQ(text_layers(second, 3), 22);
  TextConfig first{.layers = 12, .used_layers = 12, .padding_id = 49407};
  EXPECT_EQ(text_layers(first, 1), 12);
  EXPECT_EQ(text_layers(first, 2), 11);
  const std::vector<float> plain = drawn("a cat");
  asked_.clip_skip = 2;
  EXPECT_EQ(drawn("a cat"), plain);
  asked_.clip_skip = 99;
  EXPECT_NE(refusal(ErrorKind::bad_input, [&] { drawn("a cat"); }).find("clip_skip: 99 is not in 1 .. "),
            std::string::npos);
}

TEST_F(Prompts, MayNameVectors) {
  Tensor vectors = Tensor::empty({2, model_.text->config.width});
  for (float& value : vectors.edit<float>()) value = 0.01F;
  const std::vector<float> plain = drawn("a mystyle cat");
  model_.inversions.push_back({.name = "mystyle", .spellings = {"mystyle"}, .vectors = vectors});
  EXPECT_NE(drawn("a mystyle cat"), plain);
  EXPECT_EQ(drawn("a cat"), drawn("a cat"));
}

TEST(Weighting, KeepsTheMeanOrMovesFromTheEmptyPrompt) {
  Tensor encoding = Tensor::empty({1, 2, 2}), empty = Tensor::empty({1, 2, 2});
  std::ranges::copy(std::vector<float>{1, 2, 3, 4}, encoding.edit<float>().begin());
  std::ranges::copy(std::vector<float>{1, 1, 1, 1}, empty.edit<float>().begin());
  const std::vector<double> weights = {1, 2};
  EXPECT_EQ(values(weighted(encoding, weights, Weighting::plain)), (std::vector<float>{1, 2, 6, 8}));
  EXPECT_EQ(values(weighted(encoding, weights, Weighting::from_empty, empty)), (std::vector<float>{1, 2, 5, 7}));
  const std::vector<float> kept = values(weighted(encoding, weights, Weighting::mean_restored));
  EXPECT_NEAR(kept[0] + kept[1] + kept[2] + kept[3], 10, 1e-5);
  EXPECT_NEAR(kept[3] / kept[1], 4, 1e-5);
}

}  // namespace
}  // namespace calotype

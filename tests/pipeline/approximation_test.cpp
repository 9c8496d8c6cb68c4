#include <gtest/gtest.h>

#include <numeric>

#include "base/formula.h"
#include "ops/token_merging.h"
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

class Approximations : public ::testing::Test {
 protected:
  void SetUp() override {
    model_ = open_stable_diffusion(testing::write_tiny_model(scratch_ / "tiny.safetensors"));
    exact_ = drawn({}, exact_work_);
  }
  std::vector<float> drawn(const std::function<void(TextToImage&)>& change, double& work) {
    TextToImage asked{.prompt = "a cat", .negative_prompt = "a dog", .steps = 6, .seed = 7};
    if (change) change(asked);
    const CountingWork count;
    const auto latents = values(draw_latents(model_, settle(model_, asked)));
    work = count.flop();
    return latents;
  }

  Scratch scratch_;
  StableDiffusion model_;
  std::vector<float> exact_;
  double exact_work_ = 0, work_ = 0;
};

TEST_F(Approximations, ChangeNothingWhereTheyHaveNothingToSkip) {
  EXPECT_EQ(drawn([](TextToImage& asked) { asked.cache = "deepcache:1"; }, work_), exact_);
  EXPECT_EQ(drawn([](TextToImage& asked) { asked.guidance_interval = {0, 1e6}; }, work_), exact_);
  EXPECT_EQ(drawn([](TextToImage& asked) { asked.token_merging = 0; }, work_), exact_);
}

TEST_F(Approximations, ReusedFeaturesSaveWork) {
  for (const char* cache : {"deepcache:3", "deepcache:2:1", "deepcache"}) {
    const auto latents = drawn([&](TextToImage& asked) { asked.cache = cache; }, work_);
    EXPECT_NE(latents, exact_) << cache;
    EXPECT_LT(work_, 0.9 * exact_work_) << cache;
  }
}

TEST_F(Approximations, FirstStepIsExactForPromptsOfSeveralLengths) {
  std::string cats;
  for (int count = 0; count < 80; ++count) cats += "cat ";
  for (const std::string& prompt : {cats, "a cat AND " + cats, std::string("a cat AND a dog AND a fox")}) {
    const auto first = [&](const char* cache) {
      return drawn(
          [&](TextToImage& asked) {
            asked.prompt = prompt;
            asked.steps = 1;
            asked.cache = cache;
          },
          work_);
    };
    EXPECT_EQ(first("deepcache:3"), first("off")) << prompt;
  }
}

TEST_F(Approximations, OutsideOfItsIntervalThereIsNoGuidance) {
  const auto never = drawn([](TextToImage& asked) { asked.guidance_interval = {1e5, 1e6}; }, work_);
  double unguided_work = 0;
  EXPECT_EQ(never, drawn([](TextToImage& asked) { asked.cfg_scale = 1; }, unguided_work));
  EXPECT_LT(work_, 0.7 * exact_work_);
  EXPECT_NE(drawn([](TextToImage& asked) { asked.guidance_interval = {0.5, 4}; }, work_), exact_);
}

TEST_F(Approximations, MergedTokensSaveWorkInAttention) {
  EXPECT_NE(drawn([](TextToImage& asked) { asked.token_merging = 0.5; }, work_), exact_);
}

TEST_F(Approximations, GuidanceOfOneNeverSeesTheNegativePrompt) {
  for (const char* recipe : {"diffusers", "web_ui", "ldm"}) {
    const auto one = [&](TextToImage& asked) {
      asked.cfg_scale = 1;
      asked.recipe = recipe;
      if (asked.recipe == "ldm") asked.sampler = "ddim";
    };
    drawn(one, work_);
    EXPECT_LT(work_, 0.7 * exact_work_) << recipe;
  }
}

TEST(TokenMerging, MergesWhatIsAlikeAndCopiesItBack) {
  // 2 x 4 tokens in two cells; the odd ones out keep their values, copies of the first of a cell are merged.
  const std::vector<float> tokens{1, 0, 1, 0, 0, 1, -1, 0, 1, 0, 0, -1, 0, 1, 0, 1};
  const Tensor x = Tensor::from(std::span<const float>(tokens), Shape{1, 8, 2});
  const TokenMerging merging(x, 2, 4, 0.5);
  const Tensor merged = merging.merged(x);
  EXPECT_EQ(merged.shape(), (Shape{1, 4, 2}));
  EXPECT_EQ(values(merging.spread(merged)), tokens);
  EXPECT_EQ(TokenMerging(x, 2, 4, 0.25).merged(x).dim(1), 6);
}

TEST(TokenMerging, AveragesWhatItMerges) {
  const std::vector<float> tokens{2, 0, 4, 0, 6, 0, 8, 0};
  const Tensor x = Tensor::from(std::span<const float>(tokens), Shape{1, 4, 2});
  EXPECT_EQ(values(TokenMerging(x, 2, 2, 0.75).merged(x)), (std::vector<float>{5, 0}));
}

}  // namespace
}  // namespace calotype

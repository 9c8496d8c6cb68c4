#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "pipeline/depth.h"
#include "pipeline/depth_to_image.h"
#include "pipeline/draw.h"
#include "pipeline/image_to_image.h"
#include "pipeline/inpaint.h"
#include "pipeline/masking.h"
#include "pipeline/tiny_model.h"
#include "pipeline/upscale.h"
#include "support/scratch.h"

namespace calotype {
namespace {

using testing::TinyKind;
using testing::write_tiny_model;

/// Every pixel another.
Image picture(int width, int height, int channels = 3) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c)
        image.pixels.push_back(static_cast<uint8_t>(37 * y + 61 * x + 83 * c + 11 * (x * y % 7)));
  return image;
}

/// White from (left, top) to the lower right corner.
Image corner(int width, int height, int left, int top) {
  Image image{width, height, 1, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) image.pixels.push_back(x >= left && y >= top ? 255 : 0);
  return image;
}

const TextToImage kText{.prompt = "a cat", .negative_prompt = "a dog", .steps = 3, .seed = 7, .sampler = "euler"};

template <class Request>
std::string refusal(const StableDiffusion& model, const Request& request) {
  try {
    settle(model, request);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Pictures : public ::testing::Test {
 protected:
  StableDiffusion opened(TinyKind kind) {
    return open_stable_diffusion(write_tiny_model(scratch_ / "tiny.safetensors", kind));
  }
  Scratch scratch_;
};

TEST_F(Pictures, ImageToImageKeepsThePicturesSizeInWholeCells) {
  const StableDiffusion model = opened(TinyKind::plain);
  ImageToImage request{.text = kText, .pictures = {picture(50, 37)}};
  EXPECT_EQ(draw(model, settle(model, request)).images[0].width, 48);
  request.text.height = 64;
  const Settled run = settle(model, request);
  EXPECT_EQ(run.request.height, 64);
  EXPECT_EQ(run.request.width, 80);  // 50 * 64 / 37, in whole cells
}

TEST_F(Pictures, BitsDoNotDependOnTheBatch) {
  const StableDiffusion model = opened(TinyKind::plain);
  ImageToImage request{.text = kText, .pictures = {picture(48, 32)}, .strength = 0.7};
  request.text.sampler = "euler_ancestral";
  request.text.batch_count = 2;
  const Drawing both = draw(model, settle(model, request));
  request.text.batch_count = 1;
  for (int i = 0; i < 2; ++i) {
    request.text.seed = 7 + i;
    EXPECT_EQ(draw(model, settle(model, request)).images[0].pixels, both.images[i].pixels) << i;
  }
}

TEST_F(Pictures, StrengthsThatMakeNoSense) {
  const StableDiffusion model = opened(TinyKind::plain);
  ImageToImage request{.text = kText, .pictures = {picture(48, 32)}};
  for (const double strength : {std::numeric_limits<double>::quiet_NaN(), -0.1, 1.1}) {
    request.strength = strength;
    EXPECT_TRUE(says(refusal(model, request), "strength")) << strength;
  }
  request.strength = 0;
  EXPECT_TRUE(says(refusal(model, request), "leaves no step to take"));
  request.strength = 1;
  EXPECT_EQ(refusal(model, request), "");
  request.pictures = {picture(1, 1)};
  EXPECT_TRUE(says(refusal(model, request), "1x1")) << refusal(model, request);
}

TEST_F(Pictures, EachPipelineSaysWhichModelItNeeds) {
  const StableDiffusion plain = opened(TinyKind::plain), nine = opened(TinyKind::inpainting);
  const Image any = picture(48, 32);
  const std::string depth = refusal(plain, DepthToImage{.text = kText, .pictures = {any}});
  EXPECT_TRUE(says(depth, "512-depth-ema") && says(depth, "a text-to-image model")) << depth;
  EXPECT_TRUE(says(refusal(plain, Upscale{.text = kText, .pictures = {any}}), "x4-upscaler-ema"));
  EXPECT_TRUE(says(refusal(nine, ImageToImage{.text = kText, .pictures = {any}}), "draw with it by inpaint"));
  EXPECT_TRUE(says(refusal(nine, kText), "an inpainting model of 9 channels"));
}

TEST_F(Pictures, OutsideOfTheMaskTheBytesStay) {
  for (const TinyKind kind : {TinyKind::plain, TinyKind::inpainting}) {
    const StableDiffusion model = opened(kind);
    const Image original = picture(70, 53);
    Inpaint request{.text = kText, .picture = original, .masking = {.mask = corner(70, 53, 35, 20), .blur = 2}};
    for (const std::optional<double> crop : {std::optional<double>(), std::optional<double>(4)}) {
      request.crop = crop;
      request.strength = crop ? 1 : 0.7;
      const Image result = draw(model, settle(model, request)).images[0];
      ASSERT_EQ(result.width, 70);
      ASSERT_EQ(result.height, 53);
      const MaskedPicture masked = masked_picture(original, request.masking, Recipe::diffusers);
      int64_t kept = 0, changed = 0;
      for (size_t i = 0; i < masked.mask.pixels.size(); ++i)
        for (size_t c = 0; c < 3; ++c) {
          const bool same = result.pixels[3 * i + c] == original.pixels[3 * i + c];
          if (masked.mask.pixels[i] == 0) {
            ASSERT_TRUE(same) << i;
            ++kept;
          } else {
            changed += same ? 0 : 1;
          }
        }
      EXPECT_GT(kept, 1000);
      EXPECT_GT(changed, 500);
    }
  }
}

TEST_F(Pictures, MasksThatMakeNoSense) {
  const StableDiffusion model = opened(TinyKind::plain);
  Inpaint request{.text = kText, .picture = picture(48, 32), .masking = {.mask = corner(48, 32, 48, 32)}};
  EXPECT_TRUE(says(refusal(model, request), "nothing in it is white"));
  request.masking.invert = true;
  EXPECT_EQ(refusal(model, request), "");
  request.masking = {.mask = corner(7, 5, 3, 3)};  // of another size: resampled
  EXPECT_EQ(draw(model, settle(model, request)).images[0].width, 48);
  request.masking.mask = {};
  EXPECT_TRUE(says(refusal(model, request), "--mask FILE"));
  request.outpaint = "1,2,3";
  EXPECT_TRUE(says(refusal(model, request), "LEFT,TOP,RIGHT,BOTTOM"));
}

TEST_F(Pictures, OutpaintingKeepsWhatWasThere) {
  const StableDiffusion model = opened(TinyKind::plain);
  const Image original = picture(40, 32);
  const Image wider =
      draw(model, settle(model, Inpaint{.text = kText, .picture = original, .outpaint = "8,0,16,0"})).images[0];
  ASSERT_EQ(wider.width, 64);
  ASSERT_EQ(wider.height, 32);
  for (int y = 0; y < 32; ++y)
    EXPECT_TRUE(std::equal(original.pixels.begin() + 3 * 40 * y, original.pixels.begin() + 3 * 40 * (y + 1),
                           wider.pixels.begin() + 3 * (64 * y + 8)));
}

TEST_F(Pictures, MaskedContentIsWhatIsAskedFor) {
  const StableDiffusion model = opened(TinyKind::plain);
  Inpaint request{
      .text = kText, .picture = picture(48, 32), .masking = {.mask = corner(48, 32, 24, 0)}, .strength = 0.7};
  std::vector<std::vector<uint8_t>> seen;
  for (const char* fill : {"original", "blur", "noise", "zero"}) {
    request.masking.fill = fill;
    seen.push_back(draw(model, settle(model, request)).images[0].pixels);
    for (size_t i = 0; i + 1 < seen.size(); ++i) EXPECT_NE(seen[i], seen.back()) << fill;
  }
  const Image smear = smeared(request.picture, request.masking.mask);
  EXPECT_TRUE(std::equal(smear.pixels.begin(), smear.pixels.begin() + 3 * 24, request.picture.pixels.begin()));
}

TEST(Depth, ChannelIsStretchedAfterResampling) {
  FloatMap map{16, 8, {}};
  for (int i = 0; i < 128; ++i) map.values.push_back(static_cast<float>(i));
  const auto range = [](const Tensor& channel) {
    const auto [low, high] = std::ranges::minmax_element(channel.view<float>());
    return std::pair{*low, *high};
  };
  EXPECT_EQ(range(depth_channel(map, 4, 8)), (std::pair{-1.0f, 1.0f}));
  EXPECT_EQ(depth_channel(map, 4, 8).view<float>()[0], -1);
  EXPECT_EQ(depth_channel(map, 4, 8, true).view<float>()[0], 1);
  std::ranges::fill(map.values, 5.0f);
  EXPECT_EQ(range(depth_channel(map, 4, 8)), (std::pair{-1.0f, -1.0f}));
  map.values[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(range(depth_channel(map, 4, 8)), (std::pair{-1.0f, 1.0f}));
}

TEST_F(Pictures, DepthToImageFromAPictureFromAMapAndWithAMask) {
  StableDiffusion model = opened(TinyKind::depth);
  FloatMap map{50, 37, {}};
  for (int i = 0; i < 50 * 37; ++i) map.values.push_back(static_cast<float>(i % 50));
  DepthToImage request{.text = kText, .depths = {map}};
  const Image alone = draw(model, settle(model, request)).images[0];
  EXPECT_EQ(alone.width, 48);
  EXPECT_EQ(alone.height, 32);
  request.pictures = {picture(50, 37)};
  const Image over = draw(model, settle(model, request)).images[0];
  EXPECT_NE(over.pixels, alone.pixels);
  request.depth_invert = true;
  EXPECT_NE(draw(model, settle(model, request)).images[0].pixels, over.pixels);
  request.masking.mask = corner(50, 37, 25, 0);
  const Image part = draw(model, settle(model, request)).images[0];
  ASSERT_EQ(part.width, 50);
  EXPECT_TRUE(std::equal(part.pixels.begin(), part.pixels.begin() + 3 * 25, request.pictures[0].pixels.begin()));
  request.depths.clear();
  EXPECT_NE(draw(model, settle(model, request)).images[0].pixels, part.pixels);
  model.depth.reset();
  EXPECT_TRUE(says(refusal(model, request), "--depth")) << refusal(model, request);
}

TEST_F(Pictures, UpscalingIsFourfoldAndEqualPromptsTakeOnePass) {
  const StableDiffusion model = opened(TinyKind::upscaler);
  Upscale request{.pictures = {picture(11, 7)}};
  request.text.steps = 2;
  request.text.seed = 1;
  const Settled run = settle(model, request);
  EXPECT_FALSE(run.guided);
  int64_t outputs = 0;
  Watcher watcher;
  watcher.tap = Tap([&](const std::string& name, const Tensor& value) {
    if (name == "net_output") outputs += value.dim(0);
  });
  const Image large = draw(model, run, watcher).images[0];
  EXPECT_EQ(large.width, 44);
  EXPECT_EQ(large.height, 28);
  EXPECT_EQ(outputs, 2);
  request.text.prompt = "a cat";
  EXPECT_TRUE(settle(model, request).guided);
  request.noise_level = 351;
  EXPECT_TRUE(says(refusal(model, request), "noise_level"));
}

}  // namespace
}  // namespace calotype

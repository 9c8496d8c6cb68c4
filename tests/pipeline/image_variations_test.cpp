#include "pipeline/image_variations.h"

#include <gtest/gtest.h>

#include <cmath>

#include "load/formula_file.h"
#include "pipeline/draw.h"
#include "pipeline/memory.h"
#include "pipeline/tiny_model.h"
#include "support/scratch.h"

namespace calotype {
namespace {

Image picture(int width, int height, int seed) {
  Image image{.width = width, .height = height, .channels = 3};
  for (int i = 0; i < width * height * 3; ++i) image.pixels.push_back(static_cast<uint8_t>((i * 37 + seed * 91) % 251));
  return image;
}

StableDiffusion tiny_unclip(const Scratch& folder) {
  const ImageTowerConfig tower{.image_size = 32,
                               .patch_size = 16,
                               .width = 24,
                               .layers = 2,
                               .heads = 3,
                               .mlp_width = 48,
                               .projection_width = 10};
  ModelDescription description{
      .unet = UNetConfig{.model_channels = 32,
                         .channel_mult = {1, 2},
                         .num_res_blocks = 1,
                         .attention_resolutions = {2, 1},
                         .num_head_channels = 16,
                         .context_dim = 32,
                         .class_input = ClassInput::vector,
                         .class_size = 20,
                         .groups = 8},
      .vae = VaeConfig{.ch = 16, .ch_mult = {1, 1, 2, 2}, .num_res_blocks = 1, .groups = 8},
      .text = TextConfig{.width = 32, .layers = 3, .used_layers = 2, .heads = 2, .mlp_width = 64},
      .image = tower,
      .prediction = Prediction::v_prediction,
      .latent_size = 8};
  write_formula_model(folder / "unclip.safetensors", description, DType::f32);
  return open_stable_diffusion(folder / "unclip.safetensors");
}

ImageVariations asked() {
  return {.text = {.prompt = "a fox", .steps = 2, .seed = 5, .sampler = "euler"}, .pictures = {{picture(40, 50, 1)}}};
}

bool same(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && std::ranges::equal(a.view<float>(), b.view<float>());
}

TEST(ImageVariations, FollowThePictureAndTheText) {
  const Scratch folder;
  const StableDiffusion model = tiny_unclip(folder);
  const Tensor latents = draw_latents(model, settle(model, asked()));
  EXPECT_TRUE(same(latents, draw_latents(model, settle(model, asked()))));
  ImageVariations other = asked();
  other.pictures[0].picture = picture(40, 50, 2);
  EXPECT_FALSE(same(latents, draw_latents(model, settle(model, other))));
  other = asked();
  other.noise_level = 700;
  EXPECT_FALSE(same(latents, draw_latents(model, settle(model, other))));
  other = asked();
  other.text.prompt = "a hen";
  EXPECT_FALSE(same(latents, draw_latents(model, settle(model, other))));
  EXPECT_GT(working_memory(model, settle(model, asked())), 0);
}

TEST(ImageVariations, APictureDoesNotDependOnItsBatch) {
  const Scratch folder;
  const StableDiffusion model = tiny_unclip(folder);
  ImageVariations batch = asked();
  batch.text.batch_count = 3;
  ImageVariations second = asked();
  second.text.seed = 6;
  const Tensor all = draw_latents(model, settle(model, batch)), one = draw_latents(model, settle(model, second));
  EXPECT_TRUE(same(all.rows(1, 1), one));
}

TEST(ImageVariations, WithoutGuidanceTheWantedSideIsDrawnAlone) {
  const Scratch folder;
  const StableDiffusion model = tiny_unclip(folder);
  ImageVariations request = asked();
  request.text.cfg_scale = 1;
  EXPECT_EQ(draw_latents(model, settle(model, request)).shape(), (Shape{1, 8, 8, 4}));
}

TEST(ImageVariations, SeveralPicturesAreWeighed) {
  const Scratch folder;
  const StableDiffusion model = tiny_unclip(folder);
  const ImagePrompt a{picture(40, 50, 1)}, b{picture(64, 32, 2)};
  const Tensor of_a = image_embedding(model.image, {a}), of_b = image_embedding(model.image, {b});
  const Tensor mixed = image_embedding(model.image, {{a.picture, 3}, {b.picture, 1}});
  for (int64_t i = 0; i < 10; ++i)
    EXPECT_NEAR(mixed.view<float>()[i], 0.75 * of_a.view<float>()[i] + 0.25 * of_b.view<float>()[i], 1e-5);
  refusal(ErrorKind::bad_input, [&] { image_embedding(model.image, {{a.picture, 0}}); });
  refusal(ErrorKind::bad_input, [&] { image_embedding(model.image, {{a.picture, NAN}}); });
}

TEST(ImageVariations, TheClassVectorIsANoisedEmbeddingAndItsLevel) {
  ImageConditioning image;
  image.mean = Tensor::full({4}, 2);
  image.deviation = Tensor::full({4}, 0.5);
  const Tensor embeddings = Tensor::full({2, 4}, 3), noise = Tensor::full({2, 4}, -1);
  const Tensor vectors = class_vectors(image, embeddings, noise, 500);
  ASSERT_EQ(vectors.shape(), (Shape{2, 8}));
  // The squared cosine's share of signal after 500 of its 1000 steps is 0.492285172; (3 - 2) / 0.5 is 2.
  const double share = 0.492285172;
  const double expected = (2 * std::sqrt(share) - std::sqrt(1 - share)) * 0.5 + 2;
  for (int64_t c = 0; c < 4; ++c) EXPECT_NEAR(vectors.view<float>()[8 + c], expected, 1e-5);
  // Cosines first, of 500 and of 500 / 100.
  const double waves[] = {std::cos(500.0), std::cos(5.0), std::sin(500.0), std::sin(5.0)};
  for (int64_t c = 0; c < 4; ++c) EXPECT_NEAR(vectors.view<float>()[4 + c], waves[c], 1e-4);
  refusal(ErrorKind::bad_input, [&] { class_vectors(image, embeddings, noise, 1000); });
}

TEST(ImageVariations, OtherModelsSayWhatIsNeeded) {
  const Scratch folder;
  const StableDiffusion plain = open_stable_diffusion(testing::write_tiny_model(folder / "plain.safetensors"));
  const std::string message = refusal(ErrorKind::unsupported, [&] { settle(plain, asked()); });
  EXPECT_NE(message.find("sd21-unclip-h"), std::string::npos) << message;
  const StableDiffusion unclip = tiny_unclip(folder);
  EXPECT_NE(refusal(ErrorKind::unsupported, [&] { settle(unclip, asked().text); }).find("--image-prompt"),
            std::string::npos);
}

}  // namespace
}  // namespace calotype

#include "io/picture.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "io/comfy_graph.h"
#include "io/encode.h"
#include "io/exif.h"
#include "io/jpeg.h"
#include "io/picture_text.h"
#include "io/webp.h"
#include "support/scratch.h"

namespace calotype {
namespace {

const std::filesystem::path kPictures = std::filesystem::path(CALOTYPE_TEST_DATA) / "images";

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Image gradient(int width, int height, int channels) {
  Image image{width, height, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) image.pixels.push_back(static_cast<uint8_t>(40 + 2 * x + 3 * y + 20 * c));
  return image;
}

int farthest(const Image& a, const Image& b) {
  if (a.pixels.size() != b.pixels.size()) return 256;
  int most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) most = std::max(most, std::abs(a.pixels[i] - b.pixels[i]));
  return most;
}

/// Any beginning of a good file is refused, or opened where nothing that matters is missing.
void cut_everywhere(const char* name, size_t may_miss) {
  const std::string whole = file_text(kPictures / "decode" / name);
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    try {
      decode_image(bytes_of(cut), "cut");
      EXPECT_GE(length + may_miss, whole.size()) << name << " opens at " << length;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file) << error.what();
    }
    if (length >= 12) picture_text(bytes_of(cut), "cut");
  }
}

TEST(Picture, EveryBeginningIsRefused) {
  cut_everywhere("420.jpg", 8);
  cut_everywhere("progressive.jpg", 2);
  cut_everywhere("lossless.webp", 0);
  cut_everywhere("lossy-alpha.webp", 0);
}

TEST(Picture, SizesAreHeldToTheLimitBeforeMemoryIsTaken) {
  for (const char* name : {"420.jpg", "lossless.webp", "lossy.webp"})
    refusal(ErrorKind::out_of_memory, [&] { read_image(kPictures / "decode" / name, {.max_pixels = 100}); });
  std::string jpeg = file_text(kPictures / "decode/420.jpg");
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, std::string("\x27\x10\x27\x10", 4));  // 10,000 x 10,000
  refusal(ErrorKind::bad_file, [&] { decode_image(bytes_of(jpeg), "large"); });
}

TEST(Picture, WritesAllFormatsWithWhatTheySay) {
  const Image image = gradient(37, 21, 3);
  const PictureNotes notes{.parameters = "一只猫, café, 🐱\nSteps: 20, Sampler: Euler, Seed: 1",
                           .source = SourceType::composite_with_trained};
  for (const PictureFormat format : {PictureFormat::png, PictureFormat::jpeg, PictureFormat::webp})
    for (const bool lossless : {false, true}) {
      SCOPED_TRACE(name_of(format));
      const auto file = encode_picture(image, format, {.quality = 95, .lossless = lossless}, notes);
      const Image read = decode_image(file, "written");
      EXPECT_EQ(read.width, 37);
      const bool exact = format == PictureFormat::png || (format == PictureFormat::webp && lossless);
      EXPECT_LE(farthest(read, image), exact ? 0 : 8);
      const PictureText text = picture_text(file, "written");
      EXPECT_EQ(text.parameters, notes.parameters);
      EXPECT_EQ(text.source_type, "compositeWithTrainedAlgorithmicMedia");
      const auto bare = encode_picture(image, format);
      EXPECT_LT(bare.size(), file.size());
      EXPECT_EQ(picture_text(bare, "bare").parameters, "");
      EXPECT_EQ(picture_text(bare, "bare").source_type, "");
      EXPECT_EQ(format_of_ending(std::string("a.") + name_of(format)), format);
    }
}

TEST(Picture, TransparencyStaysOrLiesOnWhite) {
  Image image = gradient(9, 7, 4);
  const PictureNotes notes{.parameters = "a", .source = SourceType::trained_algorithmic_media};
  EXPECT_EQ(decode_image(encode_picture(image, PictureFormat::webp, {.lossless = true}, notes), "w").pixels,
            image.pixels);
  EXPECT_EQ(decode_image(encode_picture(image, PictureFormat::png, {}, notes), "p").pixels, image.pixels);
  const Image white = decode_image(encode_picture(image, PictureFormat::jpeg, {.quality = 100}, notes), "j");
  EXPECT_EQ(white.channels, 3);
  EXPECT_LE(farthest(white, on_white(image)), 8);
}

TEST(Picture, TextTooLongForAJpegIsLeftOut) {
  const std::string text(40'000, 'a');
  const auto file = encode_picture(gradient(8, 8, 3), PictureFormat::jpeg, {},
                                   {.parameters = text, .source = SourceType::trained_algorithmic_media});
  EXPECT_EQ(picture_text(file, "j").parameters, "");
  EXPECT_EQ(picture_text(file, "j").source_type, "trainedAlgorithmicMedia");
}

TEST(Picture, DepthKeepsSixteenBits) {
  const Scratch scratch;
  Grey16 depth{3, 2, {0, 1, 256, 257, 65534, 65535}};
  const auto file = encode_png(depth, std::vector<PngText>{{"Depth model", "midas"}});
  const std::string bytes(reinterpret_cast<const char*>(file.data()), file.size());
  EXPECT_EQ(read_grey16(scratch.write("d.png", bytes)).pixels, depth.pixels);
  const auto grey8 = encode_png(Image{1, 2, 1, {7, 255}});
  scratch.write("g.png", {reinterpret_cast<const char*>(grey8.data()), grey8.size()});
  EXPECT_EQ(read_grey16(scratch / "g.png").pixels, (std::vector<uint16_t>{7 * 257, 65535}));
}

TEST(Exif, DamagedBlocksSayNothing) {
  const auto good = write_exif("a prompt");
  EXPECT_EQ(read_exif(good).user_comment, "a prompt");
  for (size_t length = 0; length < good.size(); ++length) read_exif(std::span(good).first(length));
  for (size_t i = 0; i < good.size(); ++i) {
    auto wrong = good;
    wrong[i] ^= std::byte{0xff};
    read_exif(wrong);
  }
  EXPECT_EQ(read_exif(good, 3).user_comment, "");
  EXPECT_EQ(from_utf16(to_utf16("🐱é")), "🐱é");
  const char16_t alone[] = {0xd800, u'a'};
  EXPECT_EQ(from_utf16(alone),
            "\ufffd"
            "a");
}

TEST(ComfyGraph, FollowsLinksOfCustomSamplers) {
  const auto run = read_comfy_graph(R"({
    "1": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0],
          "sigmas": ["5", 0], "latent_image": ["6", 0]}},
    "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 18446744073709551615}},
    "3": {"class_type": "CFGGuider", "inputs": {"model": ["9", 0], "positive": ["7", 0], "negative": ["8", 0],
          "cfg": 5.5}},
    "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"}},
    "5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "karras", "steps": 30, "denoise": 0.5}},
    "6": {"class_type": "EmptyLatentImage", "inputs": {"width": 640, "height": ["11", 0], "batch_size": 1}},
    "7": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["10", 0]}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog"}},
    "9": {"class_type": "LoraLoader", "inputs": {"model": ["12", 0], "lora_name": "x"}},
    "10": {"class_type": "CLIPTextEncode", "inputs": {"text": ["13", 0]}},
    "11": {"class_type": "PrimitiveInt", "inputs": {"height": 448}},
    "12": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "m.safetensors"}},
    "13": {"class_type": "Text", "inputs": {"text": "a harbour"}}})");
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->seed, 18446744073709551615u);
  EXPECT_EQ(run->steps, 30);
  EXPECT_EQ(run->guidance, 5.5);
  EXPECT_EQ(run->denoise, 0.5);
  EXPECT_EQ(run->sampler, "dpmpp_2m");
  EXPECT_EQ(run->scheduler, "karras");
  EXPECT_EQ(run->positive, "a harbour");
  EXPECT_EQ(run->negative, "fog");
  EXPECT_EQ(run->width, 640);
  EXPECT_EQ(run->height, 448);
  EXPECT_EQ(run->model, "m.safetensors");
}

TEST(ComfyGraph, TakesAnything) {
  for (const char* text : {"", "[]", "{}", "{\"1\": 3}", "{\"1\": {\"class_type\": 4}}", "not JSON"})
    EXPECT_FALSE(read_comfy_graph(text).has_value()) << text;
  // A circle of links, and links to nowhere.
  const auto run = read_comfy_graph(
      R"({"1": {"class_type": "KSampler", "inputs": {"positive": ["1", 0], "negative": ["9", 0], "seed": ["1", 0],
          "latent_image": ["1", 0], "steps": -4, "cfg": "x"}}})");
  ASSERT_TRUE(run.has_value());
  EXPECT_FALSE(run->seed.has_value());
  EXPECT_FALSE(run->steps.has_value());
  EXPECT_EQ(run->positive, "");
}

}  // namespace
}  // namespace calotype

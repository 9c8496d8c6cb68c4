#include "io/png.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "io/picture.h"
#include "io/safetensors.h"
#include "io/scratch.h"

namespace calotype {
namespace {

using nlohmann::json;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Image without_alpha(const Image& image) {
  Image result{image.width, image.height, 3, {}};
  for (size_t i = 0; i < image.pixels.size(); ++i)
    if (image.channels == 3 || i % 4 != 3) result.pixels.push_back(image.pixels[i]);
  return result;
}

void expect_pixels(const Image& image, const StoredTensor& expected, int tolerance) {
  EXPECT_EQ(expected.shape, (Shape{image.height, image.width, image.channels}));
  const std::vector<double> values = values_of(expected);
  ASSERT_EQ(values.size(), image.pixels.size());
  int farthest = 0;
  for (size_t i = 0; i < values.size(); ++i)
    farthest = std::max(farthest, std::abs(static_cast<int>(values[i]) - image.pixels[i]));
  EXPECT_LE(farthest, tolerance);
}

TEST(Png, DecodesEveryKindOfFile) {
  const json rows = json::parse(file_text(test_data("decode.json")));
  const Safetensors expected(test_data("decode.safetensors"));
  int files = 0;
  for (const json& row : rows) {
    if (row.contains("expect")) continue;
    const std::string file = row["file"];
    SCOPED_TRACE(file);
    ++files;
    const Image image = read_image(test_data("pictures/" + file));
    EXPECT_EQ(image.width, row["size"][0].get<int>());
    EXPECT_EQ(image.height, row["size"][1].get<int>());
    const int tolerance = row["tolerance"];
    const bool transparent = expected.find(file + ":rgba") != nullptr;
    EXPECT_EQ(image.channels, transparent ? 4 : 3);
    expect_pixels(without_alpha(image), *expected.find(file + ":rgb"), tolerance);
    if (!transparent) continue;
    expect_pixels(image, *expected.find(file + ":rgba"), tolerance);
    expect_pixels(on_white(image), *expected.find(file + ":on_white"), tolerance);
  }
  EXPECT_EQ(files, 27);
}

TEST(Png, DamagedFilesAreRefusedOrOpened) {
  for (const json& row : json::parse(file_text(test_data("decode.json")))) {
    if (!row.contains("expect")) continue;
    const std::string file = row["file"];
    SCOPED_TRACE(file);
    const auto path = test_data("pictures/" + file);
    if (row["expect"] == "refuse") {
      const bool limit = file == "broken/huge.png" || file == "broken/max.png";
      refusal(limit ? ErrorKind::out_of_memory : ErrorKind::bad_file, [&] { read_image(path); });
      continue;
    }
    try {
      read_image(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_file) << error.what();
    }
  }
}

TEST(Png, APackedTextBombCostsOnlyItsText) {
  const auto path = test_data("pictures/broken/text-bomb.png");
  EXPECT_EQ(read_image(path).channels, 3);
  EXPECT_EQ(read_parameters(path), "");
}

TEST(Png, EveryPrefixIsRefused) {
  const std::string whole = file_text(test_data("pictures/rgb8.png"));
  for (size_t length = 0; length < whole.size() - 12; ++length) {
    const std::string cut = whole.substr(0, length);
    refusal(ErrorKind::bad_file, [&] { decode_image(bytes_of(cut), "cut"); });
    png_texts(bytes_of(cut));
  }
}

TEST(Png, ASizeThatTheDataCannotFillIsRefused) {
  std::string file = file_text(test_data("pictures/rgb8.png"));
  file.replace(16, 8, std::string("\0\0\x27\x10\0\0\x27\x10", 8));  // 10,000 x 10,000
  refusal(ErrorKind::bad_file, [&] { decode_image(bytes_of(file), "f"); });
  const std::string good = file_text(test_data("pictures/rgb8.png"));
  refusal(ErrorKind::out_of_memory, [&] { decode_image(bytes_of(good), "f", {.max_pixels = 100}); });
}

TEST(Png, FindsTextWhereverItStands) {
  for (const json& row : json::parse(file_text(test_data("metadata.json")))) {
    const std::string file = row["file"];
    SCOPED_TRACE(file);
    const auto path = test_data("pictures/" + file);
    EXPECT_EQ(read_parameters(path), row["parameters"].is_null() ? "" : row["parameters"].get<std::string>());
    const std::string content = file_text(path);
    json chunks = json::object();
    for (const PngText& text : png_texts(bytes_of(content)))
      if (text.keyword != "parameters") chunks[text.keyword] = text.text;
    EXPECT_EQ(chunks, row["chunks"]);
  }
}

TEST(Png, WritesWhatItReads) {
  const Scratch scratch;
  for (const int channels : {1, 3, 4}) {
    Image image{7, 5, channels, {}};
    for (int i = 0; i < 7 * 5 * channels; ++i) image.pixels.push_back(static_cast<uint8_t>(i * 37 + 11));
    const std::vector<PngText> texts = {{"parameters", "a cat, café\nSteps: 20"},
                                        {"prompt", "一只猫, 🐱"},
                                        {"Software", ""},
                                        {"XML:com.adobe.xmp", "<x>\xff\0</x>"}};
    write_png(scratch / "p.png", image, texts);
    const Image read = read_image(scratch / "p.png");
    EXPECT_EQ(read.width, 7);
    EXPECT_EQ(read.height, 5);
    EXPECT_EQ(read.channels, channels == 4 ? 4 : 3);
    if (channels != 1) {
      EXPECT_EQ(read.pixels, image.pixels);
    } else {
      EXPECT_EQ(read.pixels, on_white(image).pixels);
    }
    const std::string file = file_text(scratch / "p.png");
    EXPECT_NE(file.find("tEXtparameters"), std::string::npos);
    EXPECT_NE(file.find("iTXtprompt"), std::string::npos);
    const std::vector<PngText> back = png_texts(bytes_of(file));
    ASSERT_EQ(back.size(), 3u);
    EXPECT_EQ(back[0].text, texts[0].text);
    EXPECT_EQ(back[1].text, texts[1].text);
    EXPECT_EQ(back[2].text, "<x>?");
  }
}

TEST(Png, OtherPicturesAreNamed) {
  const std::string gif = "GIF89a and so on";
  const std::string message = refusal(ErrorKind::unsupported, [&] { decode_image(bytes_of(gif), "p.png"); });
  EXPECT_NE(message.find("GIF"), std::string::npos);
  refusal(ErrorKind::bad_file, [&] { read_image(test_data("legal.json")); });
  refusal(ErrorKind::bad_file, [&] { read_image(test_data("no such file")); });
}

TEST(Image, OrientationsTurnAndMirror) {
  const Image image{3, 2, 1, {1, 2, 3, 4, 5, 6}};
  const std::vector<std::vector<uint8_t>> expected = {{1, 2, 3, 4, 5, 6}, {3, 2, 1, 6, 5, 4}, {6, 5, 4, 3, 2, 1},
                                                      {4, 5, 6, 1, 2, 3}, {1, 4, 2, 5, 3, 6}, {4, 1, 5, 2, 6, 3},
                                                      {6, 3, 5, 2, 4, 1}, {3, 6, 2, 5, 1, 4}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = oriented(image, orientation);
    EXPECT_EQ(turned.width, orientation < 5 ? 3 : 2);
    EXPECT_EQ(turned.pixels, expected[orientation - 1]) << orientation;
  }
}

}  // namespace
}  // namespace calotype

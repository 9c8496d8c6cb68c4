#include "io/depth_file.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "base/error.h"
#include "io/colour_map.h"
#include "io/png.h"

namespace calotype {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string refusal(const std::string& file) {
  try {
    decode_pfm(bytes_of(file), "map.pfm", {.max_pixels = 100});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(DepthFile, PfmComesBackInBothOrdersOfBytes) {
  const FloatMap map{3, 2, {1, 2.5f, -3, 4, 5e8f, 6}};
  const std::vector<std::byte> file = encode_pfm(map);
  EXPECT_TRUE(is_pfm(file));
  EXPECT_EQ(decode_pfm(file, "map").values, map.values);
  std::string big = "Pf\n1 2\n1.0\n";
  big += std::string("\x3f\x80\x00\x00", 4) + std::string("\x40\x00\x00\x00", 4);  // 1 below, 2 above
  EXPECT_EQ(decode_pfm(bytes_of(big), "map").values, (std::vector<float>{2, 1}));
}

TEST(DepthFile, DamagedPfmIsRefusedInOneLine) {
  for (const char* file : {"Pf\n", "Pf\n3\n", "Pf\n3 x\n-1\n", "Pf\n0 4\n-1\n", "Pf\n-3 4\n-1\n", "Pf\n3 4\n0\n",
                           "Pf\n3 4\nnan\n", "Pf\n3 4\n-1\nabc", "Pf\n99999999999 4\n-1\n"})
    EXPECT_EQ(refusal(file).substr(0, 9), "map.pfm: ") << file;
  EXPECT_NE(refusal("PF\n3 4\n-1\n").find("one channel"), std::string::npos);
  EXPECT_NE(refusal("Pf\n40000 40000\n-1\n").find("are more than"), std::string::npos);
}

TEST(DepthFile, PngTellsWhatItsLevelsStandFor) {
  const FloatMap map{2, 2, {10, 20, 30, 50}};
  const std::vector<std::byte> file = encode_depth_png(map, "midas");
  const auto image = decode_png_grey16(file, "map");
  ASSERT_TRUE(image.has_value());
  EXPECT_EQ(image->pixels, (std::vector<uint16_t>{0, 16383, 32767, 65535}));
  std::string texts;
  for (const PngText& text : png_texts(file)) texts += text.keyword + "=" + text.text + ";";
  EXPECT_EQ(texts, "Depth minimum=10;Depth maximum=50;Depth model=midas;");
  const auto flat = decode_png_grey16(encode_depth_png({1, 1, {7}}, ""), "map");
  EXPECT_EQ(flat->pixels[0], 0);
}

TEST(DepthFile, NpyHasAHeaderOfWholeSixtyFours) {
  const std::vector<std::byte> file = encode_npy({3, 2, {1, 2, 3, 4, 5, 6}});
  const std::string text(reinterpret_cast<const char*>(file.data()), file.size());
  EXPECT_EQ(text.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_NE(text.find("'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)"), std::string::npos);
  ASSERT_EQ(file.size() % 64, 24u);
  EXPECT_EQ(text[file.size() - 25], '\n');
  float last;
  std::memcpy(&last, file.data() + file.size() - 4, 4);
  EXPECT_EQ(last, 6);
}

TEST(ColourMap, HasThePublishedColours) {
  const std::vector<float> levels{0, 64 / 255.0f + 1e-4f, 128 / 255.0f + 1e-4f, 192 / 255.0f + 1e-4f, 1};
  const Image inferno = coloured(levels, 5, 1, ColourMap::inferno);
  EXPECT_EQ(inferno.pixels, (std::vector<uint8_t>{0, 0, 4, 87, 16, 110, 188, 55, 84, 249, 142, 9, 252, 255, 164}));
  const Image spectral = coloured(levels, 5, 1, ColourMap::spectral);
  EXPECT_EQ(std::vector<uint8_t>(spectral.pixels.begin() + 3, spectral.pixels.begin() + 6),
            (std::vector<uint8_t>{137, 207, 164}));
  EXPECT_EQ(std::vector<uint8_t>(spectral.pixels.begin() + 9, spectral.pixels.begin() + 12),
            (std::vector<uint8_t>{248, 139, 81}));
}

}  // namespace
}  // namespace calotype

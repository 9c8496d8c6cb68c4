#include "io/resample.h"

#include <gtest/gtest.h>

#include <numeric>

#include "io/fit.h"
#include "io/mask.h"
#include "support/scratch.h"

namespace calotype {
namespace {

int64_t sum_of(const Image& image) {
  return std::accumulate(image.pixels.begin(), image.pixels.end(), int64_t{0});
}

std::vector<uint8_t> row(const Image& image, int y) {
  const size_t length = static_cast<size_t>(image.width) * image.channels;
  const auto start = image.pixels.begin() + static_cast<std::ptrdiff_t>(length * y);
  return {start, start + static_cast<std::ptrdiff_t>(length)};
}

/// The grey picture of the reference's table.
Image chequered() {
  Image image{8, 8, 1, {}};
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      image.pixels.push_back(static_cast<uint8_t>((37 * y + 61 * x + 11 * (x * y % 7)) % 256));
  return image;
}

// Numbers of Pillow 9.4.
TEST(Resample, IsPillowsOnGrey) {
  EXPECT_EQ(resized(chequered(), 5, 3, Resampling::bilinear).pixels,
            (std::vector<uint8_t>{71, 154, 150, 135, 184, 150, 111, 125, 97, 84, 120, 117, 192, 85, 113}));
  EXPECT_EQ(resized(chequered(), 5, 3, Resampling::lanczos).pixels,
            (std::vector<uint8_t>{53, 171, 149, 135, 201, 170, 107, 115, 98, 73, 113, 99, 222, 69, 107}));
  const Image large = resized(chequered(), 11, 11, Resampling::bicubic);
  EXPECT_EQ(row(large, 5), (std::vector<uint8_t>{123, 213, 188, 15, 73, 135, 150, 92, 25, 10, 30}));
  EXPECT_EQ(sum_of(large), 15087);
  EXPECT_EQ(sum_of(resized(chequered(), 11, 11, Resampling::lanczos)), 15074);
}

TEST(Resample, IsPillowsOnColour) {
  Image image{53, 37, 3, {}};
  for (uint32_t i = 0; i < 37 * 53 * 3; ++i) {
    uint32_t x = 0x84e72504u + i * 0x9e3779b9u;  // FNV-1a of "img", and a mixer
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    image.pixels.push_back(static_cast<uint8_t>((x ^ x >> 16) >> 24));
  }
  ASSERT_EQ(sum_of(image), 741160);
  EXPECT_EQ(sum_of(resized(image, 22, 16, Resampling::bicubic)), 133126);
  EXPECT_EQ(sum_of(resized(image, 80, 60, Resampling::bicubic)), 1813835);
  EXPECT_EQ(sum_of(resized(image, 24, 24, Resampling::bilinear)), 217851);
}

TEST(Resample, OneColourStaysOneColour) {
  for (const Resampling filter : {Resampling::nearest, Resampling::box, Resampling::bilinear, Resampling::hamming,
                                  Resampling::bicubic, Resampling::lanczos})
    for (const int channels : {1, 3, 4}) {
      Image image{17, 9, channels, std::vector<uint8_t>(static_cast<size_t>(17) * 9 * channels, 200)};
      if (channels == 4)
        for (size_t i = 3; i < image.pixels.size(); i += 4) image.pixels[i] = 255;
      const Image other = resized(image, 40, 1, filter);
      for (size_t i = 0; i < other.pixels.size(); ++i)
        ASSERT_EQ(other.pixels[i], channels == 4 && i % 4 == 3 ? 255 : 200) << name_of(filter);
      EXPECT_EQ(resampling_from(name_of(filter)), filter);
    }
}

TEST(Resample, TransparentPixelsLendNoColour) {
  const Image image{2, 1, 4, {255, 0, 0, 255, 0, 255, 0, 0}};
  const Image one = resized(image, 1, 1, Resampling::box);
  EXPECT_EQ(one.pixels, (std::vector<uint8_t>{255, 0, 0, 128}));
}

TEST(Fit, CoversOrFills) {
  const Image image{4, 2, 1, {10, 20, 30, 40, 10, 20, 30, 40}};
  EXPECT_EQ(fitted(image, {2, 2}, ResizeMode::crop).pixels, (std::vector<uint8_t>{20, 30, 20, 30}));
  const Image filled = fitted(image, {4, 6}, ResizeMode::fill);
  for (int y = 0; y < 6; ++y) EXPECT_EQ(row(filled, y), row(image, 0)) << y;
  const Image slope{2, 3, 1, {80, 80, 0, 0, 80, 80}};
  EXPECT_EQ(row(fitted(slope, {2, 5}, ResizeMode::fill), 0), (std::vector<uint8_t>{90, 90}));  // 9/8 of 80
  EXPECT_EQ(cropped(image, {1, 0, 3, 1}).pixels, (std::vector<uint8_t>{20, 30}));
  Image ground = image;
  paste(ground, {2, 2, 1, {1, 2, 3, 4}}, -1, 1);
  EXPECT_EQ(ground.pixels, (std::vector<uint8_t>{10, 20, 30, 40, 2, 20, 30, 40}));
  paste(ground, image, 9, 9);
  EXPECT_EQ(ground.pixels[4], 2);
}

TEST(Fit, PicturesFarAboveTheModelsSizeAreCapped) {
  EXPECT_EQ(capped({1024, 1024}, 512), (Size{1024, 1024}));
  EXPECT_EQ(capped({6000, 4000}, 512), (Size{1254, 836}));
  EXPECT_EQ(capped({100'000'000, 1}, 512), (Size{10'240'000, 1}));
}

TEST(Mask, BoxesAreTheReferences) {
  struct Case {
    Size picture;
    Box mask;
    Size target;
    int padding;
    Box expected;
  };
  for (const Case& c : {Case{{1024, 768}, {100, 200, 180, 230}, {512, 512}, 32, {68, 143, 212, 287}},
                        Case{{1024, 768}, {0, 0, 40, 300}, {512, 512}, 16, {0, 0, 316, 316}},
                        Case{{1024, 768}, {900, 700, 1024, 768}, {512, 512}, 32, {868, 612, 1024, 768}},
                        Case{{640, 480}, {10, 10, 630, 470}, {512, 512}, 32, {0, 0, 640, 480}},
                        Case{{800, 600}, {300, 100, 330, 400}, {768, 512}, 20, {60, 80, 570, 420}}}) {
    Image mask{c.picture.width, c.picture.height, 1, {}};
    mask.pixels.resize(static_cast<size_t>(mask.width) * mask.height);
    for (int y = c.mask.top; y < c.mask.bottom; ++y)
      for (int x = c.mask.left; x < c.mask.right; ++x) mask.pixels[static_cast<size_t>(y) * mask.width + x] = 1;
    EXPECT_EQ(crop_region(mask, c.target, c.padding), c.expected);
  }
  refusal(ErrorKind::bad_input, [] { crop_region({2, 1, 1, {0, 0}}, {8, 8}, 4); });
}

TEST(Mask, BlurKeepsWhatIsEvenAndSpreadsWhatIsNot) {
  const Image even{5, 3, 1, std::vector<uint8_t>(15, 77)};
  EXPECT_EQ(gaussian_blur(even, 3.3).pixels, even.pixels);
  Image point{41, 41, 1, std::vector<uint8_t>(41 * 41)};
  point.pixels[20 * 41 + 20] = 255;
  const Image blurred = gaussian_blur(point, 1);
  EXPECT_NEAR(blurred.pixels[20 * 41 + 20], 255 / (2 * 3.14159), 4);
  EXPECT_EQ(blurred.pixels[20 * 41 + 22], blurred.pixels[18 * 41 + 20]);
  EXPECT_EQ(gaussian_blur(point, 0).pixels, point.pixels);
}

}  // namespace
}  // namespace calotype

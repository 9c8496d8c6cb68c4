#include "io/pixels.h"

#include <gtest/gtest.h>

#include <cmath>

namespace calotype {
namespace {

TEST(Pixels, RoundOrCutAndStayWithinTheRange) {
  const float values[] = {-1, 1, -7, 7, NAN, 0};  // 0 is level 127.5
  const Image nearest = image_of(values, 2, 1, 3, Rounding::nearest), down = image_of(values, 2, 1, 3, Rounding::down);
  EXPECT_EQ(nearest.pixels, (std::vector<uint8_t>{0, 255, 0, 255, 0, 128}));
  EXPECT_EQ(down.pixels, (std::vector<uint8_t>{0, 255, 0, 255, 0, 127}));
  EXPECT_EQ(nearest.width, 2);
}

TEST(Pixels, EveryLevelComesBack) {
  for (int level = 0; level < 256; ++level) {
    const float value = static_cast<float>(level) / 127.5f - 1;
    EXPECT_EQ(image_of(std::span(&value, 1), 1, 1, 1, Rounding::nearest).pixels[0], level);
  }
}

}  // namespace
}  // namespace calotype

#pragma once

#include <cstdint>
#include <vector>

namespace calotype {

/// Pixels of 8 bits, row by row from the top, channels side by side: 1 grey, 3 RGB, 4 RGB and straight alpha. sRGB.
struct Image {
  int width = 0, height = 0, channels = 0;
  std::vector<uint8_t> pixels;
};

/// Grey levels of 16 bits, row by row from the top: a depth map.
struct Grey16 {
  int width = 0, height = 0;
  std::vector<uint16_t> pixels;
};

/// What a reader holds a file to before it takes memory.
struct ImageLimits {
  int64_t max_pixels = 100'000'000;  // beyond: `out_of_memory`
  int64_t max_text_bytes = 8 << 20;  // unpacked; text beyond it is dropped, the picture still opens
};

/// RGB: alpha laid on white, (c a + 255 (255 - a)) / 255 rounded; grey becomes R = G = B.
Image on_white(const Image& image);

/// The picture as it is to be seen, given the EXIF orientation 1..8 it was stored with; others leave it as it is.
Image oriented(Image image, int orientation);

}  // namespace calotype

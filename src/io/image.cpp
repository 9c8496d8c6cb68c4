#include "io/image.h"

#include <algorithm>

#include "base/error.h"

namespace calotype {

Image on_white(const Image& image) {
  Image result{image.width, image.height, 3, {}};
  const size_t count = static_cast<size_t>(image.width) * image.height;
  result.pixels.resize(count * 3);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* from = &image.pixels[i * image.channels];
    for (int c = 0; c < 3; ++c) {
      const int colour = from[image.channels == 1 ? 0 : c], alpha = image.channels == 4 ? from[3] : 255;
      result.pixels[i * 3 + c] = static_cast<uint8_t>((colour * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return result;
}

Image oriented(Image image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool swapped = orientation >= 5;  // rows become columns
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image result{swapped ? image.height : image.width, swapped ? image.width : image.height, image.channels, {}};
  result.pixels.resize(image.pixels.size());
  uint8_t* to = result.pixels.data();
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x, to += image.channels) {
      const int column = swapped ? y : x, row = swapped ? x : y;
      const size_t from_x = from_right ? image.width - 1 - column : column;
      const size_t from_y = from_bottom ? image.height - 1 - row : row;
      std::copy_n(&image.pixels[(from_y * image.width + from_x) * image.channels], image.channels, to);
    }
  }
  return result;
}

}  // namespace calotype

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

int exif_orientation(std::span<const std::byte> data) {
  const auto number = [&](size_t at, int bytes, bool big) -> uint32_t {
    if (at > data.size() || data.size() - at < static_cast<size_t>(bytes)) return 0;
    uint32_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value = value << 8 | std::to_integer<uint32_t>(data[at + (big ? i : bytes - 1 - i)]);
    return value;
  };
  const uint32_t order = number(0, 2, true);
  const bool big = order == 0x4d4d;
  if (!big && order != 0x4949) return 1;
  const size_t directory = number(4, 4, big);
  const uint32_t entries = number(directory, 2, big);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + size_t{12} * i;
    if (entry >= data.size()) break;
    constexpr uint32_t kOrientation = 0x0112;
    if (number(entry, 2, big) != kOrientation) continue;
    const uint32_t value = number(entry + 8, 2, big);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace calotype

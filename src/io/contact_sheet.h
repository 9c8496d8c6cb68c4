#pragma once

#include <algorithm>

#include "io/image.h"

namespace calotype {

/// RGB pictures side by side in rows, on white. A picture smaller than its place stands in the upper left of it.
class ContactSheet {
 public:
  ContactSheet(int columns, int rows, int width, int height)
      : width_(width), height_(height), image_{columns * width, rows * height, 3, {}} {
    image_.pixels.assign(size_t{3} * image_.width * image_.height, 255);
  }
  ContactSheet(int columns, int rows, int size) : ContactSheet(columns, rows, size, size) {}

  void put(int column, int row, const Image& picture) {
    const int width = std::min(picture.width, width_);
    for (int y = 0; y < std::min(picture.height, height_); ++y)
      std::copy_n(picture.pixels.begin() + size_t{3} * y * picture.width, 3 * width,
                  image_.pixels.begin() + 3 * ((size_t{1} * row * height_ + y) * image_.width + column * width_));
  }
  const Image& image() const { return image_; }

 private:
  int width_, height_;
  Image image_;
};

}  // namespace calotype

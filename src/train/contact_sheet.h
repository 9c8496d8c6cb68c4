#pragma once

#include <algorithm>

#include "io/image.h"

namespace calotype {

/// RGB pictures of one size side by side in rows, on white.
class ContactSheet {
 public:
  ContactSheet(int columns, int rows, int size) : size_(size), image_{columns * size, rows * size, 3, {}} {
    image_.pixels.assign(size_t{3} * image_.width * image_.height, 255);
  }
  void put(int column, int row, const Image& picture) {
    for (int y = 0; y < size_; ++y)
      std::copy_n(picture.pixels.begin() + size_t{3} * y * size_, 3 * size_,
                  image_.pixels.begin() + 3 * ((size_t{1} * row * size_ + y) * image_.width + column * size_));
  }
  const Image& image() const { return image_; }

 private:
  int size_;
  Image image_;
};

}  // namespace calotype

#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d.h"

namespace calotype::kernels {

/// Where part `index` of `parts` nearly equal parts of `total` begins.
constexpr int64_t part_begin(int64_t total, int64_t parts, int64_t index) {
  return total * index / parts;
}
constexpr int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/// The most tiles of a block of the forward pass.
inline constexpr int64_t kForwardTiles = 36;

/// A rectangle of 4x4 tiles, the same in each of several pictures: tile (p, y, x) has number (p * rows + y) * columns +
/// x.
struct TileBlock {
  int64_t picture, pictures;  // more than one only when the rectangle is the whole picture
  int64_t piece;              // which rectangle of its picture
  int64_t y, x, rows, columns;
  int64_t tiles() const { return pictures * rows * columns; }
};

/// A batch of maps cut into blocks of at most `limit` tiles. How a picture is cut follows from its own size alone.
class TileBlocks {
 public:
  TileBlocks(int64_t batch, int64_t height, int64_t width, int64_t limit)
      : batch_(batch), height_(divide_up(height, 4)), width_(divide_up(width, 4)) {
    across_ = divide_up(width_, std::min<int64_t>(limit, kWidest));
    down_ = divide_up(height_, limit / divide_up(width_, across_));
    pictures_ = pieces() == 1 ? limit / (height_ * width_) : 1;
    groups_ = divide_up(batch, pictures_);
  }

  int64_t count() const { return groups_ * pieces(); }
  int64_t tiles() const { return batch_ * height_ * width_; }
  /// Blocks that one picture is cut into.
  int64_t pieces() const { return across_ * down_; }
  /// Rows of blocks of a picture; the pixel row where row `index` of them begins, in a picture of `height`.
  int64_t rows() const { return down_; }
  int64_t first_pixel(int64_t index, int64_t height) const {
    return std::min(height, 4 * part_begin(height_, down_, index));
  }
  /// The number of the first block that begins at this pixel row, which is one of these.
  int64_t block_at(int64_t pixel, int64_t height) const {
    int64_t row = 0;
    while (row < down_ && first_pixel(row, height) < pixel) ++row;
    return row * across_;
  }
  /// No block has more tiles.
  int64_t most() const { return divide_up(batch_, groups_) * divide_up(height_, down_) * divide_up(width_, across_); }

  TileBlock operator[](int64_t index) const {
    const int64_t group = index / pieces(), piece = index % pieces(), row = piece / across_, column = piece % across_;
    TileBlock block;
    block.picture = part_begin(batch_, groups_, group);
    block.pictures = part_begin(batch_, groups_, group + 1) - block.picture;
    block.piece = piece;
    block.y = part_begin(height_, down_, row);
    block.rows = part_begin(height_, down_, row + 1) - block.y;
    block.x = part_begin(width_, across_, column);
    block.columns = part_begin(width_, across_, column + 1) - block.x;
    return block;
  }

 private:
  static constexpr int64_t kWidest = 16;  // staged rows of a block fit the first-level cache

  int64_t batch_, height_, width_;  // in tiles
  int64_t across_, down_;           // pieces of a picture
  int64_t pictures_, groups_;
};

}  // namespace calotype::kernels

#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace calotype {

/// The extents of a dense row-major array: at most eight axes, each >= 0. The empty shape is a scalar.
class Shape {
 public:
  static constexpr int kMaxRank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}
  explicit Shape(std::span<const int64_t> extents);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return extents_[axis]; }
  /// Negative axes count from the end: dim(-1) is the last one. Throws when there is no such axis.
  int64_t dim(int axis) const;
  /// The number of elements; throws `internal` where it overflows 2^62.
  int64_t count() const;
  /// The number of elements but for the last axis: the rows of a matrix that has this shape's last axis as columns.
  int64_t rows() const;
  std::span<const int64_t> extents() const { return {extents_.data(), static_cast<size_t>(rank_)}; }
  const int64_t* begin() const { return extents_.data(); }
  const int64_t* end() const { return extents_.data() + rank_; }
  /// "[2, 64, 64, 320]"
  std::string text() const;

  friend bool operator==(const Shape& a, const Shape& b);

 private:
  std::array<int64_t, kMaxRank> extents_{};
  int rank_ = 0;
};

}  // namespace calotype

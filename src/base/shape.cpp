#include "base/shape.h"

#include <algorithm>

#include "base/error.h"

namespace calotype {

Shape::Shape(std::span<const int64_t> extents) : rank_(static_cast<int>(extents.size())) {
  check(extents.size() <= kMaxRank, "a shape has at most {} axes, not {}", kMaxRank, extents.size());
  std::copy(extents.begin(), extents.end(), extents_.begin());
  for (int64_t extent : extents)
    if (extent < 0) fail(ErrorKind::internal, "{}: an extent is negative", text());
}

int64_t Shape::dim(int axis) const {
  const int index = axis < 0 ? axis + rank_ : axis;
  if (index < 0 || index >= rank_) fail(ErrorKind::internal, "{} has no axis {}", text(), axis);
  return extents_[index];
}

int64_t Shape::count() const {
  int64_t product = 1;
  for (int64_t extent : *this) {
    if (extent != 0 && product > (int64_t{1} << 62) / extent)
      fail(ErrorKind::internal, "{}: too many elements", text());
    product *= extent;
  }
  return product;
}

int64_t Shape::rows() const {
  check(rank_ > 0, "a scalar has no rows");
  return Shape(extents().first(rank_ - 1)).count();
}

std::string Shape::text() const {
  return fmt::format("[{}]", fmt::join(begin(), end(), ", "));
}

bool operator==(const Shape& a, const Shape& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace calotype

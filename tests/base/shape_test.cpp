#include "base/shape.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace calotype {
namespace {

TEST(Shape, CountsItsElementsAndRows) {
  const Shape map{2, 64, 48, 320};
  EXPECT_EQ(map.rank(), 4);
  EXPECT_EQ(map.count(), 2 * 64 * 48 * 320);
  EXPECT_EQ(map.rows(), 2 * 64 * 48);
  EXPECT_EQ(map[1], 64);
  EXPECT_EQ(map.text(), "[2, 64, 48, 320]");
}

TEST(Shape, OfAScalarHasOneElementAndNoAxis) {
  const Shape scalar;
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_EQ(scalar.count(), 1);
  EXPECT_EQ(scalar.text(), "[]");
  EXPECT_THROW(scalar.dim(0), Error);
  EXPECT_THROW(scalar.dim(-1), Error);
  EXPECT_THROW(scalar.rows(), Error);
}

TEST(Shape, MayBeEmpty) {
  EXPECT_EQ((Shape{0, 5}).count(), 0);
  EXPECT_EQ((Shape{5, 0}).rows(), 5);
}

TEST(Shape, NegativeAxesCountFromTheEnd) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.dim(0), 2);
  EXPECT_EQ(shape.dim(-1), 5);
  EXPECT_EQ(shape.dim(-3), 2);
  EXPECT_THROW(shape.dim(3), Error);
  EXPECT_THROW(shape.dim(-4), Error);
}

TEST(Shape, EqualMeansSameRankAndExtents) {
  EXPECT_EQ((Shape{2, 3}), (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{3, 2}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 1}));
  EXPECT_NE((Shape{}), (Shape{1}));
}

TEST(Shape, RefusesWhatIsNone) {
  EXPECT_THROW((Shape{2, -1}), Error);
  const std::vector<int64_t> nine(9, 1);
  EXPECT_THROW(Shape{std::span(nine)}, Error);
  EXPECT_NO_THROW(Shape{std::span(nine).first(8)});
}

TEST(Shape, RefusesCountsThatOverflow) {
  const int64_t half = int64_t{1} << 31;
  EXPECT_EQ((Shape{half, half}).count(), int64_t{1} << 62);
  EXPECT_THROW((Shape{half, half, 2}).count(), Error);
  EXPECT_THROW((Shape{INT64_MAX, INT64_MAX}).count(), Error);
}

}  // namespace
}  // namespace calotype

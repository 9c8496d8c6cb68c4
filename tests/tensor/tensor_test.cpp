#include "tensor/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

#include "tensor/backward.h"

namespace calotype {
namespace {

Tensor counting(Shape shape) {
  std::vector<float> values(shape.count());
  std::iota(values.begin(), values.end(), 0.0f);
  return Tensor::from<float>(values, shape);
}

TEST(Tensor, NoneIsFalse) {
  EXPECT_FALSE(Tensor());
  EXPECT_TRUE(Tensor::empty({0}));
  EXPECT_THROW(Tensor().data(), Error);
}

TEST(Tensor, CopiesShareBytesAndClonesDoNot) {
  Tensor x = counting({2, 3});
  const Tensor handle = x, copy = x.clone(), flat = x.reshape({-1}), row = x.rows(1, 1);
  x.edit<float>()[4] = 40;
  EXPECT_EQ(handle.view<float>()[4], 40);
  EXPECT_EQ(flat.view<float>()[4], 40);
  EXPECT_EQ(row.view<float>()[1], 40);
  EXPECT_EQ(copy.view<float>()[4], 4);
}

TEST(Tensor, ReshapeInfersOneExtent) {
  const Tensor x = counting({2, 6});
  EXPECT_EQ(x.reshape({3, -1}).shape(), (Shape{3, 4}));
  EXPECT_EQ(x.reshape({-1, 2, 2}).shape(), (Shape{3, 2, 2}));
  EXPECT_THROW(x.reshape({5, -1}), Error);
  EXPECT_THROW(x.reshape({13}), Error);
}

TEST(Tensor, RowsStayWithinTheFirstAxis) {
  const Tensor x = counting({4, 2});
  EXPECT_EQ(x.rows(4, 0).count(), 0);
  EXPECT_THROW(x.rows(3, 2), Error);
  EXPECT_THROW(x.rows(-1, 1), Error);
  EXPECT_THROW(Tensor::scalar(1).rows(0, 1), Error);
  EXPECT_THROW(Tensor::empty({2, 33}, DType::q8_0).rows(1, 1), Error);
}

TEST(Tensor, AnotherTypeIsRefusedByName) {
  Tensor x = counting({2});
  EXPECT_THROW(x.view<double>(), Error);
  EXPECT_THROW(x.edit<int32_t>(), Error);
  EXPECT_THROW(counting({2}).item(), Error);
  EXPECT_EQ(Tensor::scalar(0.5, DType::f64).item(), 0.5);
}

TEST(Tensor, BorrowedBytesLiveAsLongAsTheirUsersAndCannotBeEdited) {
  auto bytes = std::make_shared<std::array<float, 3>>(std::array<float, 3>{1, 2, 3});
  const std::weak_ptr<void> watch = bytes;
  Tensor x = Tensor::borrowed(bytes->data(), {3}, DType::f32, bytes);
  bytes.reset();
  EXPECT_EQ(x.view<float>()[2], 3);
  EXPECT_THROW(x.edit<float>(), Error);
  EXPECT_FALSE(x.reusable());
  x = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, EditRaisesTheVersionAndDropsWhatWasDerived) {
  Tensor x = counting({3});
  const uint64_t before = x.storage()->version;
  x.storage()->derived.emplace_back(nullptr, counting({1}));
  x.edit<float>();
  EXPECT_GT(x.storage()->version, before);
  EXPECT_TRUE(x.storage()->derived.empty());
}

TEST(Tensor, ReusableMeansSoleOwnerWithoutHistory) {
  Tensor x = counting({3});
  EXPECT_TRUE(x.reusable());
  const Tensor handle = x;
  EXPECT_FALSE(x.reusable());
  EXPECT_FALSE(counting({3}).trainable().reusable());
}

TEST(Tensor, FromChecksTheCount) {
  EXPECT_THROW(Tensor::from<float>(std::vector<float>(3), {4}), Error);
}

}  // namespace
}  // namespace calotype

#include "tensor/history.h"

#include <gtest/gtest.h>

#include "ops/arithmetic.h"
#include "ops/linear.h"
#include "ops/reduce.h"
#include "ops/structure.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

Tensor values(std::vector<float> v) {
  const Shape shape{int64_t(v.size())};
  return Tensor::from<float>(v, shape);
}

std::vector<float> list(const Tensor& x) {
  return {x.view<float>().begin(), x.view<float>().end()};
}

TEST(History, GradientsOfEveryUseAddUp) {
  const Tensor x = values({1, 2, 3}).trainable(), other = values({5, 6, 7}).trainable();
  const Tensor y = sum(x * x + x * other + x);
  const Gradients gradients = backward(y);
  EXPECT_EQ(list(gradients.of(x)), (std::vector<float>{8, 11, 14}));
  EXPECT_EQ(list(gradients.of(other)), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(gradients.by_leaf().size(), 2u);
}

TEST(History, OneGradientForTwoInputsIsNotAddedInPlace) {
  // x + x hands the same tensor to both; adding to it would count the first twice.
  const Tensor x = values({1, 2}).trainable(), z = values({3, 4}).trainable();
  const Tensor s = x + z;
  const Gradients gradients = backward(sum(s + (s + x)));
  EXPECT_EQ(list(gradients.of(x)), (std::vector<float>{3, 3}));
  EXPECT_EQ(list(gradients.of(z)), (std::vector<float>{2, 2}));
}

TEST(History, ReshapeAndRowsPassGradients) {
  const Tensor x = values({1, 2, 3, 4, 5, 6}).trainable();
  const Tensor matrix = x.reshape({3, 2});
  const Tensor weights = values({10, 20}).reshape({1, 2});
  const Gradients gradients = backward(sum(matrix.rows(1, 1) * weights + matrix.rows(0, 1)));
  EXPECT_EQ(list(gradients.of(x)), (std::vector<float>{1, 1, 10, 20, 0, 0}));
  EXPECT_EQ(gradients.of(x).shape(), Shape{6});
}

TEST(History, NothingIsRecordedWithoutNeed) {
  const Tensor constant = values({1, 2}), x = values({3, 4}).trainable();
  EXPECT_FALSE((constant * constant).tracked());
  EXPECT_TRUE((constant * x).tracked());
  EXPECT_FALSE(x.detach().tracked());
  EXPECT_FALSE(x.clone().tracked());
  {
    const NoGrad off;
    EXPECT_FALSE((constant * x).tracked());
    {
      const NoGrad twice;
      EXPECT_FALSE(recording());
    }
    EXPECT_FALSE(recording());
  }
  EXPECT_TRUE(recording());
  EXPECT_THROW(backward(sum(constant)), Error);
}

TEST(History, ParametersThatTheLossDoesNotReachHaveNoGradient) {
  const Tensor x = values({1}).trainable(), unused = values({1}).trainable();
  Gradients gradients = backward(sum(x * x));
  EXPECT_FALSE(gradients.of(unused));
  EXPECT_FALSE(gradients.take(unused));
  EXPECT_TRUE(gradients.take(x));
  EXPECT_FALSE(gradients.of(x));
}

TEST(History, ASecondWalkIsRefused) {
  const Tensor x = values({1, 2}).trainable();
  const Tensor y = x * x;
  backward(sum(y));
  EXPECT_THROW(backward(sum(y)), Error);
}

TEST(History, AnEditedInputIsRefused) {
  Tensor weight = values({1, 2});
  const Tensor x = values({3, 4}).trainable();
  const Tensor y = sum(x * weight);
  weight.edit<float>()[0] = 5;
  try {
    backward(y);
    FAIL() << "the gradient of an edited input was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("edited"), std::string::npos) << error.what();
  }
  // What was used before the edit and is not needed any more may be edited.
  Tensor scratch = values({1, 2});
  const Tensor z = sum(x * (scratch + 1.0));
  scratch.edit<float>()[0] = 9;
  EXPECT_EQ(list(backward(z).of(x)), (std::vector<float>{2, 3}));
}

TEST(History, ALossIsOneNumber) {
  const Tensor x = values({1, 2}).trainable();
  EXPECT_THROW(backward(x * x), Error);
  EXPECT_EQ(list(backward(x * x, values({1, 10})).of(x)), (std::vector<float>{2, 40}));
}

TEST(History, OpsWithoutGradientSaySo) {
  const Tensor x = values({1});
  EXPECT_NO_THROW(not_differentiable("rounding", x, {x}));
  EXPECT_THROW(not_differentiable("rounding", x, {x.trainable()}), Error);
  const NoGrad off;
  EXPECT_NO_THROW(not_differentiable("rounding", x, {x.trainable()}));
}

TEST(History, WalkingFreesWhatItPassed) {
  const Tensor x = values(std::vector<float>(1000, 1)).trainable();
  const int64_t before = memory_use().live;
  Tensor y = x;
  for (int i = 0; i < 50; ++i) y = y * y;  // each keeps its input
  EXPECT_GE(memory_use().live - before, 50 * 4000);
  const Tensor loss = sum(y);
  y = Tensor();
  const Gradients gradients = backward(loss);
  EXPECT_LT(memory_use().live - before, 5 * 4096);
}

constexpr int kLongChain = 100000;

TEST(History, LongChainsAreWalkedWithoutRecursion) {
  const Tensor x = values({2}).trainable();
  Tensor y = x;
  for (int i = 0; i < kLongChain; ++i) y = i % 2 ? y * -1.0 : y + x;  // -x after every four
  EXPECT_EQ(y.item(), 2);
  EXPECT_EQ(backward(sum(y)).of(x).item(), 1);
}

TEST(History, LongChainsAreFreedWithoutRecursion) {
  const Tensor x = values({2}).trainable(), weight = Tensor::full({1, 1}, 1).trainable();
  Tensor y = x.reshape({1, 1});
  for (int i = 0; i < kLongChain; ++i) {  // ops whose histories hold tensors, readings, and both
    if (i % 4 == 0) y = silu(y).tensor();
    if (i % 4 == 1) y = linear(y, weight, {});
    if (i % 4 == 2) y = linear(silu(y), weight, {}, Precision::f32, {.add = y});
    if (i % 4 == 3) y = y.rows(0, 1);
  }
  EXPECT_TRUE(y.tracked());
  y = Tensor();
}

TEST(History, AWalkMayBeginInTheMiddle) {
  const Tensor x = values({3}).trainable();
  const Tensor middle = x * x;
  const Tensor loss = sum(middle * 2.0);
  EXPECT_EQ(backward(middle, values({1})).of(x).item(), 6);
  EXPECT_THROW(backward(loss), Error);  // what lies before was walked
}

}  // namespace
}  // namespace calotype

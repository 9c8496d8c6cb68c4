#include "ops/combine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "base/random.h"
#include "tensor/backward.h"

namespace calotype {
namespace {

Tensor values(std::vector<double> list) {
  const int64_t count = static_cast<int64_t>(list.size());
  return Tensor::from<double>(list, {2, count / 2});
}

TEST(Combine, AddsWhatIsWeighted) {
  const Tensor y = combine({{2, values({1, 2, 3, 4})}, {std::vector<double>{10, -1}, values({1, 1, 1, 1})}});
  EXPECT_TRUE(std::ranges::equal(y.view<double>(), std::vector<double>{12, 14, 5, 7}));
  EXPECT_EQ(combine({{1, Tensor::empty({0, 3})}}).count(), 0);
}

TEST(Combine, GradientsAreTheWeights) {
  const Tensor a = values({1, 2, 3, 4}).trainable(), b = values({5, 6, 7, 8}).trainable(), fixed = values({0, 0, 0, 0});
  const Tensor y = combine({{3, a}, {1, fixed}, {std::vector<double>{-2, 4}, b}, {0.5, a}});
  const Gradients gradients = backward(y, values({1, 1, 1, 10}));
  const Tensor da = gradients.of(a), db = gradients.of(b);
  EXPECT_TRUE(std::ranges::equal(da.view<double>(), std::vector<double>{3.5, 3.5, 3.5, 35}));
  EXPECT_TRUE(std::ranges::equal(db.view<double>(), std::vector<double>{-2, -2, 4, 40}));
}

TEST(Combine, RefusesOtherShapesAndTypes) {
  const Tensor x = Tensor::zeros({2, 3});
  EXPECT_THROW(combine({{1, x}, {1, Tensor::zeros({3, 2})}}), Error);
  EXPECT_THROW(combine({{1, x}, {1, Tensor::zeros({2, 3}, DType::f64)}}), Error);
  EXPECT_THROW(combine({{std::vector<double>{1, 2, 3}, x}}), Error);
  EXPECT_THROW(combine({}), Error);
}

TEST(Combine, ThreadsAndBatchesChangeNothing) {
  const Shape shape{3, 41, 53, 4}, one{1, 41, 53, 4};  // pieces do not end where pictures do
  Tensor a = Tensor::empty(shape), b = Tensor::empty(shape);
  Rng rng(1);
  rng.normal(a.edit<float>());
  rng.normal(b.edit<float>());
  const std::vector<double> weights{0.3, -1.7, 2.5};
  const int before = thread_count();
  set_thread_count(1);
  const Tensor alone = combine({{weights, a}, {1 / 3.0, b}});
  set_thread_count(before);
  const Tensor together = combine({{weights, a}, {1 / 3.0, b}});
  EXPECT_TRUE(std::ranges::equal(alone.view<float>(), together.view<float>()));
  for (int i = 0; i < 3; ++i) {
    const Tensor single = combine({{weights[i], a.rows(i, 1)}, {1 / 3.0, b.rows(i, 1)}}), part = together.rows(i, 1);
    EXPECT_TRUE(std::ranges::equal(single.view<float>(), part.view<float>()));
  }
}

TEST(Clamped, KeepsWithinTheLimit) {
  const Tensor x = values({-3, -0.5, 0.25, 9}), y = clamped(x, 0.5);
  EXPECT_TRUE(std::ranges::equal(y.view<double>(), std::vector<double>{-0.5, -0.5, 0.25, 0.5}));
  EXPECT_THROW(clamped(x.trainable(), 1), Error);
}

TEST(Deviations, AreThoseOfEachPicture) {
  const std::vector<double> found = deviations(values({1, 3, 5, 5}));
  EXPECT_NEAR(found[0], std::sqrt(2.0), 1e-15);
  EXPECT_EQ(found[1], 0);
  EXPECT_EQ(deviations(Tensor::zeros({2, 1})), (std::vector<double>{0, 0}));
  EXPECT_THROW(deviations(values({1, 2}).trainable()), Error);
}

}  // namespace
}  // namespace calotype

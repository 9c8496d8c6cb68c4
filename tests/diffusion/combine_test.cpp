#include "diffusion/combine.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"
#include "diffusion/prediction.h"
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

TEST(Predictions, EveryOneLeadsBackToTheCleanLatent) {
  const Tensor clean = values({1, -2, 0.5, 3}), noise = values({0.3, 1, -1, 0.1});
  for (const double sigma : {0.03, 1.0, 14.0}) {
    for (const Level at : {preserving(sigma, 0), exploding(sigma, 0)}) {
      const std::vector<Level> level{at}, trained{preserving(sigma, 0)};
      const Tensor x = add_noise(clean, noise, level);
      for (const Prediction prediction : {Prediction::epsilon, Prediction::v_prediction, Prediction::sample}) {
        const Tensor found = clean_from(prediction, x, target(prediction, clean, noise, trained), at);
        for (int i = 0; i < 4; ++i)
          EXPECT_NEAR(found.view<double>()[i], clean.view<double>()[i], 1e-13) << name_of(prediction) << sigma;
      }
      EXPECT_NEAR(noise_from(x, clean, at).view<double>()[0], 0.3, 1e-13);
    }
  }
}

TEST(Predictions, LevelsByPicture) {
  const Tensor clean = values({1, -2, 0.5, 3}), noise = values({0.3, 1, -1, 0.1});
  const std::vector<Level> levels{preserving(0.5, 0), preserving(3, 0)};
  const Tensor both = add_noise(clean, noise, levels);
  for (int i = 0; i < 2; ++i) {
    const Tensor alone = add_noise(clean.rows(i, 1), noise.rows(i, 1), std::span(levels).subspan(i, 1));
    const Tensor part = both.rows(i, 1);
    EXPECT_TRUE(std::ranges::equal(part.view<double>(), alone.view<double>()));
  }
}

}  // namespace
}  // namespace calotype

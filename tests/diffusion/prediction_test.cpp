#include "diffusion/prediction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace calotype {
namespace {

Tensor values(std::vector<double> list) {
  const int64_t count = static_cast<int64_t>(list.size());
  return Tensor::from<double>(list, {2, count / 2});
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

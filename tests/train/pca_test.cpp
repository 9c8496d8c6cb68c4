#include "train/pca.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "ops/losses.h"

namespace calotype {
namespace {

/// Pictures whose patches are a mean plus two patterns of known strength.
Tensor patterned(int64_t count) {
  Tensor images = Tensor::empty({count, 8, 16, 3});
  const auto out = images.edit<float>();
  CounterRng rng(3, 0, 0);
  for (int64_t p = 0; p < count * 2; ++p) {
    float strength[2];
    rng.normal(strength);
    for (int64_t y = 0; y < 8; ++y)
      for (int64_t x = 0; x < 8; ++x)
        for (int64_t c = 0; c < 3; ++c)
          out[((p / 2 * 8 + y) * 16 + p % 2 * 8 + x) * 3 + c] = 0.1f * static_cast<float>(c) +
                                                                2 * strength[0] * (y < 4 ? 1.f : -1.f) +
                                                                strength[1] * (x < 4 ? 1.f : -1.f);
  }
  return images;
}

TEST(PatchPca, FindsPatternsAndTheirStrength) {
  const Tensor images = patterned(400);
  const PatchPca pca = fit_patch_pca(images, 8, 2);
  const double length = std::sqrt(192.0);
  EXPECT_NEAR(pca.deviations[0], 2 * length, 0.15 * length);
  EXPECT_NEAR(pca.deviations[1], length, 0.1 * length);
  EXPECT_NEAR(mean_squared_error(pca.reconstruct(images), images).item(), 0, 1e-8);
  const Tensor code = pca.code(images);
  EXPECT_EQ(code.shape(), (Shape{400, 1, 2, 2}));
  double squares = 0;
  for (float value : code.view<float>()) squares += value * value / static_cast<double>(code.count());
  EXPECT_NEAR(squares, 1, 1e-3);
}

}  // namespace
}  // namespace calotype

#include "train/whitening.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "models/vae.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"

namespace calotype {
namespace {

const VaeConfig kTiny{.ch = 8, .ch_mult = {1, 2}, .num_res_blocks = 1, .groups = 4};

/// A source that gives named tensors back.
class ListSource : public ParamSource {
 public:
  explicit ListSource(const std::vector<NamedTensor>& tensors) : tensors_(tensors) {}
  Tensor get(const std::string& path, const Shape&, Init) override {
    return std::ranges::find(tensors_, path, &NamedTensor::name)->tensor;
  }

 private:
  const std::vector<NamedTensor>& tensors_;
};

TEST(Whitening, LatentsBecomeWhiteAndPicturesStay) {
  FreshSource source(5);
  const Vae vae(Params(source), kTiny);
  const NoGrad inference;
  Tensor x = Tensor::empty({4, 16, 16, 3});
  CounterRng(1, 0, 0).normal(x.edit<float>());
  const Posterior before = vae.encode(x);
  const auto changed = whitened(source.parameters(), std::vector<Tensor>{before.mean}, 0.18215);
  ListSource list(changed);
  const Vae white(Params(list), kTiny);
  const Posterior after = white.encode(x);
  for (int64_t c = 0; c < 4; ++c) {
    double sum = 0, squares = 0, count = 0;
    for (int64_t i = c; i < after.mean.count(); i += 4, ++count) {
      const double value = after.mean.view<float>()[i] * 0.18215;
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(sum / count, 0, 1e-5);
    EXPECT_NEAR(squares / count, 1, 1e-4);
  }
  // The same distribution in other units, and the same picture from it.
  const Tensor noise = Tensor::full(before.mean.shape(), 1);
  const Tensor y = vae.decode(before.sample(noise)), z = white.decode(after.sample(noise));
  EXPECT_LT(mean_squared_error(y, z).item(), 1e-9 * mean_squared_error(y, Tensor::zeros(y.shape())).item());
}

}  // namespace
}  // namespace calotype

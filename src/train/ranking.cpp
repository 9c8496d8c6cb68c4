#include "train/ranking.h"

#include "ops/linear.h"
#include "ops/norm.h"

namespace calotype {

Ranking rank(const Tensor& pictures, const Tensor& texts) {
  const NoGrad inference;
  const Tensor cosines = linear(l2_normalise(pictures), l2_normalise(texts), {});
  const auto values = cosines.view<float>();
  const int64_t count = cosines.dim(0);
  Ranking ranking;
  for (int64_t i = 0; i < count; ++i) {
    int64_t better = 0;
    for (int64_t j = 0; j < count; ++j) better += values[i * count + j] > values[i * count + i];
    ranking.first += better == 0 ? 1.0 / static_cast<double>(count) : 0;
    ranking.first_five += better < 5 ? 1.0 / static_cast<double>(count) : 0;
  }
  return ranking;
}

}  // namespace calotype

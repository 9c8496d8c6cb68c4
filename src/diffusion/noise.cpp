#include "diffusion/noise.h"

#include <algorithm>
#include <numeric>

#include "ops/structure.h"

namespace calotype {
Noise Noise::per_picture(std::span<const uint64_t> seeds, NormalKernel kernel) {
  Noise noise;
  for (const uint64_t seed : seeds) noise.generators_.emplace_back(seed, kernel);
  return noise;
}

Noise Noise::per_picture(uint64_t seed, int pictures, NormalKernel kernel) {
  std::vector<uint64_t> seeds(pictures);
  std::iota(seeds.begin(), seeds.end(), seed);
  return per_picture(seeds, kernel);
}

Noise Noise::whole_batch(uint64_t seed, NormalKernel kernel) {
  Noise noise = per_picture(seed, 1, kernel);
  noise.whole_ = true;
  return noise;
}

Tensor Noise::draw(const Shape& shape) {
  check(shape.rank() == 4, "noise: draws [B,H,W,C], not {}", shape.text());
  check(whole_ || shape[0] <= static_cast<int64_t>(generators_.size()), "noise: {} generators for {}",
        generators_.size(), shape.text());
  Tensor drawn = Tensor::empty({shape[0], shape[3], shape[1], shape[2]});
  for_float(DType::f32, [&]<class T>() {
    const std::span<float> values = drawn.edit<float>();
    if (whole_) return generators_[0].normal(values);
    const size_t each = values.size() / std::max<size_t>(shape[0], 1);
    for (int64_t b = 0; b < shape[0]; ++b) generators_[b].normal(values.subspan(b * each, each));
  });
  return channels_last(drawn);
}

}  // namespace calotype

#include "diffusion/brownian.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/numpy_random.h"
#include "base/parallel.h"
#include "base/random.h"
#include "ops/structure.h"
#include "tensor/history.h"

namespace calotype {
namespace {

using Values = std::vector<float>;

/// To six decimals, by the exact value: a middle often lies halfway between two, and only its last bit decides.
double rounded(double time) {
  std::array<char, 64> text;
  const auto written = std::to_chars(text.data(), text.data() + text.size(), time, std::chars_format::fixed, 6);
  double value = time;
  std::from_chars(text.data(), written.ptr, value);
  return value;
}

/// One path, as a binary tree over its interval: a node knows its increment, and halves it with noise of its own seed.
class Path {
 public:
  Path(uint64_t entropy, double low, double high, size_t count) : entropy_(entropy), low_(low), high_(high) {
    root_ = normals(SeedSequence(entropy).next(), count);
    const double spread = std::sqrt(high - low);
    for (float& value : root_) value = static_cast<float>(value * spread);
  }

  /// Adds what happens in [start, end] to `sum`.
  void add(double start, double end, std::span<float> sum) const {
    descend({low_, high_, 0, 0}, root_, start, end, sum);
  }

 private:
  struct Node {
    double start, end;
    uint64_t key, depth;
  };

  static Values normals(uint32_t seed, size_t count) {
    Values values(count);
    Rng(seed).normal(values);
    return values;
  }

  void descend(const Node& node, const Values& whole, double start, double end, std::span<float> sum) const {
    const double middle = rounded((node.start + node.end) / 2);
    const bool atom = middle <= node.start || middle >= node.end;
    if (atom || (start <= node.start && end >= node.end)) {
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += whole[i];
      return;
    }
    const double length = node.end - node.start, left = middle - node.start, right = node.end - middle;
    const float share = static_cast<float>(left / length),
                spread = static_cast<float>(std::sqrt(left * right / length));
    Values half = normals(SeedSequence(entropy_, {node.key, node.depth}).next(), whole.size());
    for (size_t i = 0; i < half.size(); ++i) half[i] = share * whole[i] + spread * half[i];
    if (start < middle)
      descend({node.start, middle, 2 * node.key, node.depth + 1}, half, start, std::min(end, middle), sum);
    if (end <= middle) return;
    for (size_t i = 0; i < half.size(); ++i) half[i] = whole[i] - half[i];
    descend({middle, node.end, 2 * node.key + 1, node.depth + 1}, half, std::max(start, middle), end, sum);
  }

  uint64_t entropy_;
  double low_, high_;
  Values root_;
};

}  // namespace

BrownianNoise::BrownianNoise(std::span<const uint64_t> seeds, double low, double high)
    : seeds_(seeds.begin(), seeds.end()),
      whole_(false),
      low_(rounded(static_cast<float>(low))),
      high_(rounded(static_cast<float>(high))) {}

BrownianNoise::BrownianNoise(uint64_t seed, double low, double high) : BrownianNoise(std::span(&seed, 1), low, high) {
  whole_ = true;
}

Tensor BrownianNoise::between(double sigma, double next, const Shape& shape) const {
  check(shape.rank() == 4 && (whole_ || shape[0] <= static_cast<int64_t>(seeds_.size())), "noise: {} paths for {}",
        seeds_.size(), shape.text());
  const double start = static_cast<float>(next), end = static_cast<float>(sigma);
  check(start < end, "noise: a stretch from {} down to {}", sigma, next);
  Tensor drawn = Tensor::zeros({shape[0], shape[3], shape[1], shape[2]});
  for_float(DType::f32, [&]<class T>() {
    const std::span<float> values = drawn.edit<float>();
    const int64_t paths = whole_ ? 1 : shape[0];
    const size_t each = values.size() / static_cast<size_t>(std::max<int64_t>(paths, 1));
    const float scale = static_cast<float>(-1 / std::sqrt(end - start));  // sigma falls: against the path's direction
    parallel_for(paths, [&](int64_t b) {
      const std::span<float> part = values.subspan(b * each, each);
      const double from = std::clamp(rounded(start), low_, high_), to = std::clamp(rounded(end), low_, high_);
      if (from < to) Path(seeds_[b], low_, high_, each).add(from, to, part);
      for (float& value : part) value *= scale;
    });
  });
  return channels_last(drawn);
}

}  // namespace calotype

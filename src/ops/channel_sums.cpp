#include "ops/channel_sums.h"

#include <algorithm>

namespace calotype {
namespace {

// Their addresses tell these sums, and how many values they are of, from other derived data.
constexpr char kKey = 0, kCountKey = 0;

const Tensor* derived_from(const Tensor& x, const void* key) {
  const auto& derived = x.storage()->derived;
  const auto found = std::ranges::find(derived, key, [](const auto& kept) { return kept.first; });
  return found == derived.end() ? nullptr : &found->second;
}

}  // namespace

void leave_channel_sums(const Tensor& y, Tensor sums) {
  y.storage()->derived.emplace_back(&kKey, std::move(sums));
  y.storage()->derived.emplace_back(&kCountKey, Tensor::empty({y.count(), 0}));
}

Tensor left_channel_sums(const Tensor& x) {
  const Tensor* sums = derived_from(x, &kKey);
  if (!sums) return {};
  // A stretch of rows shares the bytes but not the sums.
  const bool whole = derived_from(x, &kCountKey)->dim(0) == x.count();
  return whole && sums->dim(0) == x.dim(0) && sums->dim(1) == x.dim(-1) ? *sums : Tensor();
}

}  // namespace calotype

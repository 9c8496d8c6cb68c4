#include "ops/channel_sums.h"

#include <algorithm>

namespace calotype {
namespace {

constexpr char kKey = 0;  // its address tells these sums from other derived data

}  // namespace

void leave_channel_sums(const Tensor& y, Tensor sums) {
  y.storage()->derived.emplace_back(&kKey, std::move(sums));
}

Tensor left_channel_sums(const Tensor& x) {
  const auto& derived = x.storage()->derived;
  const auto found =
      std::ranges::find(derived, static_cast<const void*>(&kKey), [](const auto& kept) { return kept.first; });
  if (found == derived.end()) return {};
  const Tensor& sums = found->second;
  // A stretch of rows shares the bytes but not the sums.
  const bool whole = x.storage()->bytes == bytes_of(x.dtype(), x.count());
  return whole && sums.dim(0) == x.dim(0) && sums.dim(1) == x.dim(-1) ? sums : Tensor();
}

}  // namespace calotype

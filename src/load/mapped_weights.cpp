#include "load/mapped_weights.h"

#include <algorithm>

#include "base/mapped_file.h"

namespace calotype {
namespace {

/// Between tensors that lie this close no page is worth keeping.
constexpr int64_t kGap = int64_t{1} << 16;

}  // namespace

void MappedWeights::add(const Tensor& weight) {
  if (!weight || !weight.storage()->owner) return;
  const auto* begin = static_cast<const std::byte*>(weight.data());
  const int64_t bytes = bytes_of(weight.dtype(), weight.count());
  const auto next = std::ranges::upper_bound(stretches_, begin, {}, [](const auto& stretch) { return stretch.first; });
  if (next != stretches_.begin()) {
    auto& [before, length] = *std::prev(next);
    if (begin - before <= length + kGap) {
      length = std::max(length, begin - before + bytes);
      return;
    }
  }
  stretches_.insert(next, {begin, bytes});
}

int64_t MappedWeights::bytes() const {
  int64_t total = 0;
  for (const auto& [begin, length] : stretches_) total += length;
  return total;
}

void MappedWeights::let_go() const {
  for (const auto& [begin, length] : stretches_) MappedFile::let_go({begin, static_cast<size_t>(length)});
}

}  // namespace calotype

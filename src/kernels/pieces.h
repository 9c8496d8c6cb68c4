#pragma once

#include <algorithm>
#include <cstdint>

#include "base/parallel.h"

namespace calotype::kernels {

/// Calls body(first, count) for consecutive pieces of `size` (the last may be shorter) that cover [0, total), in
/// parallel. What a piece holds depends on total and size alone.
template <class Body>
void over_pieces(int64_t total, int64_t size, const Body& body) {
  parallel_for((total + size - 1) / size, [&](int64_t piece) {
    const int64_t first = piece * size;
    body(first, std::min(size, total - first));
  });
}

/// Elements of a piece of element-wise work: large enough to be worth a task, small enough to stay in the caches.
constexpr int64_t kElementsPerPiece = int64_t{1} << 16;

/// How rows of a matrix are cut where sums run over them: ranges of at least kElementsPerPiece elements, but at most 32
/// of them. Partial sums of the ranges are then added in order.
inline int64_t rows_per_range(int64_t rows, int64_t width) {
  return std::max({int64_t{1}, (rows + 31) / 32, kElementsPerPiece / std::max<int64_t>(1, width)});
}

/// How many items of `elements` elements share a task.
inline int64_t items_per_task(int64_t elements) {
  return std::max<int64_t>(1, kElementsPerPiece / std::max<int64_t>(1, elements));
}

}  // namespace calotype::kernels

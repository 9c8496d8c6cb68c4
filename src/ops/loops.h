#pragma once

#include <numeric>
#include <vector>

#include "kernels/pieces.h"

namespace calotype {

/// The sum of body(first, count) over consecutive pieces of [0, total): each made by one task, added in their order, so
/// the bits do not depend on the number of threads.
template <class Body>
double blocked_sum(int64_t total, const Body& body) {
  constexpr int64_t kPiece = kernels::kElementsPerPiece / 4;
  std::vector<double> parts((total + kPiece - 1) / kPiece);
  kernels::over_pieces(total, kPiece,
                       [&](int64_t first, int64_t count) { parts[first / kPiece] = body(first, count); });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

/// The sum of value(i) for i in [0, total).
template <class Value>
double blocked_sum_of(int64_t total, const Value& value) {
  return blocked_sum(total, [&](int64_t first, int64_t count) {
    double sum = 0;
    for (int64_t i = first; i < first + count; ++i) sum += value(i);
    return sum;
  });
}

/// body(i) for i in [0, total), many to a task.
template <class Body>
void for_elements(int64_t total, const Body& body) {
  kernels::over_pieces(total, kernels::kElementsPerPiece, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) body(i);
  });
}

/// body(row) for rows of `width` elements each, some to a task.
template <class Body>
void for_rows(int64_t rows, int64_t width, const Body& body) {
  kernels::over_pieces(rows, kernels::items_per_task(width), [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) body(row);
  });
}

}  // namespace calotype

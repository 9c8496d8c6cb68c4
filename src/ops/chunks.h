#pragma once

#include <algorithm>

#include "base/parallel.h"

namespace calotype {

/// Calls body(first, last) for consecutive stretches of [0, count), in parallel. Stretches depend on the count only.
template <class Body>
void for_chunks(int64_t count, int64_t chunk, const Body& body) {
  parallel_for((count + chunk - 1) / chunk,
               [&](int64_t task) { body(task * chunk, std::min(count, (task + 1) * chunk)); });
}

/// Elements of a stretch whose work is a few operations each.
inline constexpr int64_t kElementChunk = int64_t{1} << 16;

}  // namespace calotype

#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv2d.h"

namespace calotype::kernels {

/// Where a map may be cut in bands of rows: 0, .., its height. These two alone where the kernel that `conv2d` takes for
/// the shape only makes whole maps.
std::vector<int64_t> conv2d_row_cuts(const ConvShape& shape);

/// Bands whose sums are not wanted may be cut at every multiple of this, where the kernel makes bands at all.
inline constexpr int64_t kBandStep = 4;

/// Rows [first, end) of conv2d, from cut to cut, of maps of one picture that are not whole in memory. Pointers are
/// those of whole maps, of which x has the rows that are read, `add` and y these. `sums` begin anew with row 0 and are
/// added to by the bands below: in order, all of them have the bits of the whole's.
void conv2d_rows(const Conv2d& problem, int64_t first, int64_t end);

}  // namespace calotype::kernels

#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace calotype {

// Convolutions over maps too tall to be held whole: some rows at a time, with the bits that the whole would have, the
// statistics for group norms included. For drawing alone: nothing here has a gradient.

struct RowRange {
  int64_t first = 0, end = 0;
  int64_t count() const { return end - first; }
};

/// Some rows of a map of one picture.
struct RowBand {
  Tensor rows;  // [1, n, W, C]
  int64_t first = 0;
  int64_t height = 0;  // of the whole map
  RowRange range() const { return {first, first + rows.dim(1)}; }
  /// These rows of it: the same bytes.
  RowBand part(RowRange range) const;
};

/// A group norm with the statistics of a whole map: a factor and an addend a channel.
struct FoldedNorm {
  Tensor scale, shift;  // [1, C]
};

/// `sums` [1, C, 2] of a map of `pixels`; gain and bias [C] in any stored type.
FoldedNorm fold_norm(const Tensor& sums, int64_t pixels, const Tensor& gain, const Tensor& bias, int64_t groups,
                     double epsilon);

/// How a band is read: as it is, each pixel doubled, or silu of the norm.
struct BandReading {
  const RowBand& band;
  const FoldedNorm* norm = nullptr;
  bool doubled = false;
  int64_t height() const { return doubled ? 2 * band.height : band.height; }
  int64_t width() const { return doubled ? 2 * band.rows.dim(2) : band.rows.dim(2); }
};

/// Where maps of this size may be cut, ascending from 0 to `height`, for a 3x3 convolution of `in` to `out` channels.
/// Only these two where its kernel makes no bands.
std::vector<int64_t> row_cuts(int64_t height, int64_t width, int64_t in, int64_t out);
/// The narrowest range from cut to cut that holds `range`.
RowRange widened_to_cuts(RowRange range, const std::vector<int64_t>& cuts);

/// The narrowest range of rows that may be made without sums. Between two cuts alone there is no narrower one.
RowRange widened_to_steps(RowRange range, const std::vector<int64_t>& cuts);

/// Rows of a 3x3 convolution with padding 1, plus those of `add` where it is given. x must have the rows that are read,
/// one more on each side. Where `sums` [1, out, 2] in f64 is wanted they are added to it, band after band from the top,
/// and the rows are from cut to cut; else from step to step, wherever the kernel makes bands.
RowBand conv2d_rows(const BandReading& x, const Tensor& weight, const Tensor& bias, RowRange rows,
                    const RowBand* add = nullptr, Tensor* sums = nullptr);

}  // namespace calotype

#pragma once

#include <span>

#include "models/vae.h"

namespace calotype {

/// A level of the decoder, with the doubling before it and, on the finest, the picture after it.
struct BandedLevel {
  const Conv2d& resample;  // doubles, from the level before
  std::span<const VaeResBlock> blocks;
  const GroupNorm* norm_out = nullptr;  // finest level: norm and convolution to the picture
  const Conv2d* conv_out = nullptr;
};

/// What the level makes of x [1, h, w, C] with no whole map between its input and its result: rows are made in bands of
/// about `band_rows`, once for the statistics of each group norm, from the input on every time, and once for the
/// result. The same bits as layer by layer; with n norms (n + 1) / 2 times the arithmetic and more.
Tensor run_in_bands(const BandedLevel& level, const Tensor& x, int64_t band_rows);

/// Whether a map of this size can be cut at all with the kernels in use.
bool runs_in_bands(const BandedLevel& level, const Tensor& x);

}  // namespace calotype

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// Noise for samplers of the diffusion SDE that belongs to stretches of sigma: increments of one Brownian path a
/// picture, so that the same stretch gives the same noise however it is cut (torchsde's tree, as k-diffusion asks it).
/// Nothing is kept: an increment is worked out from the seeds of the tree's nodes, about 48 draws. Bits do not depend
/// on order, batch or threads. Times are rounded to six decimals, and a path moves by the root of a time's change, so
/// equal pictures need the same sigma in f32.
class BrownianNoise {
 public:
  /// Over [low, high], both above 0. One path for each seed: pictures of their own.
  BrownianNoise(std::span<const uint64_t> seeds, double low, double high);
  /// One path for the whole batch.
  BrownianNoise(uint64_t seed, double low, double high);

  /// Of unit variance for the stretch from `sigma` down to `next`; [B,H,W,C], f32.
  Tensor between(double sigma, double next, const Shape& shape) const;

 private:
  std::vector<uint64_t> seeds_;
  bool whole_;
  double low_, high_;
};

}  // namespace calotype

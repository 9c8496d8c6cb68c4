#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/random.h"
#include "tensor/tensor.h"

namespace calotype {

/// Normal noise for a batch in the order in which the reference programs draw it. Every draw goes on where the last one
/// of the same generator stopped.
class Noise {
 public:
  /// Picture b from a generator of its own with seeds[b]: then it does not depend on the batch it is in.
  static Noise per_picture(std::span<const uint64_t> seeds, NormalKernel kernel = NormalKernel::vector);
  /// seed, seed + 1, ..
  static Noise per_picture(uint64_t seed, int pictures, NormalKernel kernel = NormalKernel::vector);
  /// One generator draws the whole batch at once.
  static Noise whole_batch(uint64_t seed, NormalKernel kernel = NormalKernel::vector);

  /// [B,H,W,C], f32, drawn channel by channel. With a generator for each picture B may be less than their number: the
  /// first ones draw.
  Tensor draw(const Shape& shape);

 private:
  std::vector<Rng> generators_;
  bool whole_ = false;
};

}  // namespace calotype

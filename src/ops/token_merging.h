#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// Tokens of a map that are much alike, taken together: "token merging" (Bolya and Hoffman 2023). One token of each
/// 2 x 2 cells, the first, is a place to merge into; of the other three quarters the `ratio` of all tokens that are
/// most like such a place (cosine) are averaged into it. For drawing alone: no gradients.
class TokenMerging {
 public:
  /// x [B, height * width, C]; ratio 0 to 0.75.
  TokenMerging(const Tensor& x, int64_t height, int64_t width, double ratio);
  /// [B, T, C] -> [B, T - merged, C]
  Tensor merged(const Tensor& x) const;
  /// The way back: each token gets a copy of what it was merged into.
  Tensor spread(const Tensor& y) const;

 private:
  int64_t tokens_, kept_;
  std::vector<int32_t> place_;  // [B, T]: where a token went
};

}  // namespace calotype

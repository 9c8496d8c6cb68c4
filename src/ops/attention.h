#pragma once

#include "ops/linear.h"

namespace calotype {

struct AttentionOptions {
  int64_t heads = 1;
  bool causal = false;
  Precision precision = Precision::f32;
};

/// Softmax(q kᵀ / sqrt(width)) v for every picture and head (Vaswani et al. 2017). q [B, T, C], k and v [Bk, S, C]; a
/// head is a slice of C / heads channels. The smaller batch repeats over the greater. -> [max(B, Bk), T, C]. No score
/// matrix in memory.
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options);

}  // namespace calotype

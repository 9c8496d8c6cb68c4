#pragma once

#include <cstdint>
#include <vector>

#include "kernels/linear.h"

namespace calotype::kernels {

/// Softmax(scale q kᵀ) v for every picture and head. q and the result are [B, queries, heads * width], k and v
/// [B or Bk, keys, heads * width]: a head is a contiguous slice of channels. Picture b reads keys b mod key_batch.
struct AttentionShape {
  int64_t batch, key_batch, heads, queries, keys, width;
  float scale;
  bool causal = false;  // key j only where j <= query i
};

/// log_sum [B, heads, queries] (null: not wanted) is what the gradient needs: ln sum_j exp(scale q_i k_j). In bf16
/// queries, keys, values and probabilities are rounded; scores, their maxima and sums are not.
void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, float* y, float* log_sum,
               Precision precision = Precision::f32);

/// The kernels for such heads, in the order in which they are tried.
std::vector<KernelChoice> attention_choices(const AttentionShape& shape, Precision precision);

/// Recomputes the probabilities block by block; y and log_sum as the forward pass left them. dq, dk, dv are written.
void attention_gradient(const AttentionShape& shape, const float* q, const float* k, const float* v, const float* y,
                        const float* log_sum, const float* dy, float* dq, float* dk, float* dv);

namespace reference {
template <class T>
void attention(const AttentionShape& shape, const T* q, const T* k, const T* v, T* y, T* log_sum);
template <class T>
void attention_gradient(const AttentionShape& shape, const T* q, const T* k, const T* v, const T* y, const T* log_sum,
                        const T* dy, T* dq, T* dk, T* dv);
}  // namespace reference

}  // namespace calotype::kernels

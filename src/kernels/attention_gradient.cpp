#include <cmath>

#include "kernels/attention.h"
#include "kernels/attention_stretch.h"
#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/attention-inl.h"
#include "kernels/dispatch.h"
#include "kernels/math-inl.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

constexpr int64_t kKeys = 128;

/// Queries of a block. Under a causal mask, small blocks skip more keys.
int64_t block_queries(const AttentionShape& shape) {
  return std::min<int64_t>(shape.queries, shape.causal ? 24 : 72);
}

/// Scratch space of one head: its queries and dy, unfinished gradients, one block of keys, values and scores.
struct GradientSpace {
  float *q, *dy, *dq, *dk, *dv, *log_sum, *mean;
  float *keys, *keys_across, *values_across, *p, *dscores;

  GradientSpace(const AttentionShape& shape, Scratch& scratch) {
    const int64_t row = spaced(padded(shape.width)), block = std::min(kKeys, padded(shape.keys));
    q = scratch.take(shape.queries * row);
    dy = scratch.take(shape.queries * row);
    dq = scratch.take(shape.queries * row);
    dk = scratch.take(shape.keys * row);
    dv = scratch.take(shape.keys * row);
    log_sum = scratch.take(shape.queries);
    mean = scratch.take(shape.queries);
    keys = scratch.take(block * padded(shape.width));
    keys_across = scratch.take(block * shape.width);
    values_across = scratch.take(block * shape.width);
    p = scratch.take(block_queries(shape) * spaced(block));
    dscores = scratch.take(block_queries(shape) * spaced(block));
  }
};

int64_t gradient_scratch(const AttentionShape& shape) {
  alignas(64) float start[1];
  Scratch scratch(start);
  GradientSpace(shape, scratch);
  return scratch.taken(start) * int64_t(sizeof(float));
}

/// to [rows, columns] += leftᵀ right over `depth` rows of both.
HWY_INLINE void add_outer(int64_t rows, int64_t columns, int64_t depth, const float* left, int64_t left_stride,
                          const float* right, int64_t right_stride, float* to, int64_t to_stride) {
  for_panels(columns, [&](int64_t p, int vectors) {
    outer_rows(rows, vectors, {left, left_stride, 0, right + p, right_stride, 0, depth}, to + p, to_stride, true);
  });
}

/// Scores become probabilities, and the gradient by the probabilities that by the scores: p (dp - mean).
HWY_INLINE void score_gradients(int64_t visible, int64_t seen, float log_sum, float mean, float* p, float* dp) {
  const FloatVec origin = hn::Set(kFloat, log_sum), center = hn::Set(kFloat, mean);
  for (int64_t i = 0; i < visible; i += kLanes) {
    const FloatVec e = exp2(kFloat, hn::Sub(hn::LoadU(kFloat, p + i), origin));
    hn::StoreU(e, kFloat, p + i);
    hn::StoreU(hn::Mul(e, hn::Sub(hn::LoadU(kFloat, dp + i), center)), kFloat, dp + i);
  }
  std::fill(p + visible, p + seen, 0.0f);
  std::fill(dp + visible, dp + seen, 0.0f);
}

void copy_out(const float* from, int64_t from_stride, int64_t rows, int64_t width, float factor, float* to,
              int64_t to_stride) {
  const FloatVec scale = hn::Set(kFloat, factor);
  for (int64_t r = 0; r < rows; ++r)
    map(width, to + r * to_stride, [=](FloatVec v) HWY_ATTR { return hn::Mul(v, scale); }, from + r * from_stride);
}

/// Dao et al. 2022, algorithm 4, with the keys in the outer loop. Queries are packed times scale log2 e: scores then
/// are powers of two, and what is summed for dk is log2 e too large.
void head_gradient(const AttentionShape& shape, const AttentionHead& head, float* space) {
  Scratch scratch(space);
  const GradientSpace w(shape, scratch);
  const int64_t width = shape.width, row = spaced(padded(width)), stride = head.stride;
  const int64_t score_row = spaced(std::min(kKeys, padded(shape.keys)));
  std::fill(w.dk, w.dk + shape.keys * row, 0.0f);
  std::fill(w.dv, w.dv + shape.keys * row, 0.0f);
  for (int64_t picture = 0; picture < head.pictures; ++picture) {
    const int64_t at = picture * head.next_query;
    const float *y = head.y + at, *dy = head.dy + at, *log_sum = head.log_sum + picture * head.next_sum;
    copy_scaled(head.q + at, stride, shape.queries, width, shape.scale * kLog2E, w.q, row);
    copy_scaled(dy, stride, shape.queries, width, 1, w.dy, row);
    for (int64_t i = 0; i < shape.queries; ++i) {
      w.log_sum[i] = log_sum[i] * kLog2E;
      w.mean[i] = sum_along(
          width, [](FloatVec a, FloatVec b) HWY_ATTR { return hn::Mul(a, b); }, dy + i * stride, y + i * stride);
    }
    std::fill(w.dq, w.dq + shape.queries * row, 0.0f);
    for (int64_t k = 0; k < shape.keys; k += kKeys) {
      const int64_t keys = std::min(kKeys, shape.keys - k);
      pack_straight<InF32>(head.k + k * stride, stride, keys, width, w.keys);
      pack_transposed<InF32>(head.k + k * stride, stride, keys, width, w.keys_across);
      pack_transposed<InF32>(head.v + k * stride, stride, keys, width, w.values_across);
      for (int64_t q = 0; q < shape.queries; q += block_queries(shape)) {
        const int64_t queries = std::min(block_queries(shape), shape.queries - q);
        const int64_t seen = visible_keys(shape, q + queries - 1, k, keys), columns = whole_panels(seen, keys);
        if (seen == 0) continue;
        multiply_packed<InF32>(queries, columns, width, {w.keys_across, width}, w.q + q * row, row, w.p, score_row,
                               false);
        multiply_packed<InF32>(queries, columns, width, {w.values_across, width}, w.dy + q * row, row, w.dscores,
                               score_row, false);
        for (int64_t r = 0; r < queries; ++r)
          score_gradients(visible_keys(shape, q + r, k, keys), seen, w.log_sum[q + r], w.mean[q + r],
                          w.p + r * score_row, w.dscores + r * score_row);
        multiply_packed<InF32>(queries, width, seen, {w.keys, keys}, w.dscores, score_row, w.dq + q * row, row, true);
        add_outer(seen, width, queries, w.p, score_row, w.dy + q * row, row, w.dv + k * row, row);
        add_outer(seen, width, queries, w.dscores, score_row, w.q + q * row, row, w.dk + k * row, row);
      }
    }
    copy_out(w.dq, row, shape.queries, width, shape.scale, head.dq + at, stride);
  }
  copy_out(w.dk, row, shape.keys, width, kLn2, head.dk, stride);
  copy_out(w.dv, row, shape.keys, width, 1, head.dv, stride);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {

void attention_gradient(const AttentionShape& shape, const float* q, const float* k, const float* v, const float* y,
                        const float* log_sum, const float* dy, float* dq, float* dk, float* dv) {
  if (isa() == Isa::scalar || shape.keys == 0)
    return reference::attention_gradient(shape, q, k, v, y, log_sum, dy, dq, dk, dv);
  if (shape.width == 0) return;
  const auto gradient = CALOTYPE_KERNEL(head_gradient);
  const int64_t stride = shape.heads * shape.width, space = CALOTYPE_KERNEL(gradient_scratch)(shape);
  // One task for all that adds to the gradient of the same keys; small heads share a task.
  constexpr int64_t kWork = int64_t{1} << 21;
  const int64_t work = 5 * std::max<int64_t>(1, shape.queries) * shape.keys * shape.width;
  over_pieces(shape.key_batch * shape.heads, std::max<int64_t>(1, kWork / work), [&](int64_t begin, int64_t count) {
    float* scratch = static_cast<float*>(thread_scratch(space));
    for (int64_t i = begin; i < begin + count; ++i) {
      const int64_t picture = i / shape.heads, head = i % shape.heads, channel = head * shape.width;
      const int64_t at = picture * shape.queries * stride + channel, keys_at = picture * shape.keys * stride + channel;
      AttentionHead h;
      h.q = q + at;
      h.k = k + keys_at;
      h.v = v + keys_at;
      h.y = y + at;
      h.log_sum = log_sum + (picture * shape.heads + head) * shape.queries;
      h.dy = dy + at;
      h.dq = dq + at;
      h.dk = dk + keys_at;
      h.dv = dv + keys_at;
      h.pictures = picture < shape.batch ? (shape.batch - picture - 1) / shape.key_batch + 1 : 0;
      h.stride = stride;
      h.next_query = shape.key_batch * shape.queries * stride;
      h.next_sum = shape.key_batch * shape.heads * shape.queries;
      gradient(shape, h, scratch);
    }
  });
}

}  // namespace calotype::kernels
#endif

#include "kernels/attention.h"

#include <cmath>
#include <limits>

#include "kernels/attention_stretch.h"
#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/attention-inl.h"
#include "kernels/dispatch.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

/// Sizes of the blocks, by the shape of a head alone. Under a causal mask, small blocks of queries skip more keys.
struct Blocks {
  int64_t queries, keys;
};

Blocks blocks_of(const AttentionShape& shape) {
  if (shape.causal) return {24, 128};
  return shape.width > 256 ? Blocks{48, 128} : Blocks{96, 256};
}

/// Scratch space of a stretch: all its queries and unfinished results, one block of keys, values and scores.
struct Workspace {
  float *q, *y, *most, *sum, *scores, *keys, *values;

  Workspace(const AttentionShape& shape, int64_t count, Scratch& scratch) {
    const Blocks block = blocks_of(shape);
    const int64_t keys_in_block = std::min(block.keys, padded(shape.keys));
    q = scratch.take(count * spaced(padded(shape.width)));
    y = scratch.take(count * spaced(padded(shape.width)));
    most = scratch.take(count);
    sum = scratch.take(count);
    scores = scratch.take(std::min(block.queries, count) * spaced(keys_in_block));
    keys = scratch.take(keys_in_block * shape.width);
    values = scratch.take(keys_in_block * padded(shape.width));
  }
};

int64_t attention_scratch(const AttentionShape& shape, int64_t count) {
  alignas(64) float start[1];
  Scratch scratch(start);
  Workspace(shape, count, scratch);
  return scratch.taken(start) * int64_t(sizeof(float));
}

/// Turns a row of scores (in powers of two) into 2^(score - most), and returns their sum. `most` is what the row had as
/// its largest score so far, and becomes what it has now.
HWY_INLINE float exponentials(float* scores, int64_t count, float& most) {
  FloatVec high[4], total[4];
  CALOTYPE_UNROLL
  for (int j = 0; j < 4; ++j) {
    high[j] = hn::Set(kFloat, most);
    total[j] = hn::Zero(kFloat);
  }
  const int64_t whole = count / (4 * kLanes) * (4 * kLanes);
  for (int64_t i = 0; i < whole; i += 4 * kLanes) {
    CALOTYPE_UNROLL
    for (int j = 0; j < 4; ++j) high[j] = hn::Max(high[j], hn::LoadU(kFloat, scores + i + j * kLanes));
  }
  for (int64_t i = whole; i < count; i += kLanes) {
    const auto inside = hn::FirstN(kFloat, size_t(std::min(kLanes, count - i)));
    high[0] = hn::Max(high[0], hn::IfThenElse(inside, hn::LoadU(kFloat, scores + i), high[0]));
  }
  high[0] = hn::Max(hn::Max(high[0], high[1]), hn::Max(high[2], high[3]));
  most = hn::GetLane(hn::MaxOfLanes(kFloat, high[0]));
  const FloatVec origin = hn::Set(kFloat, most);
  for (int64_t i = 0; i < whole; i += 4 * kLanes) {
    CALOTYPE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const FloatVec e = exp2(kFloat, hn::Sub(hn::LoadU(kFloat, scores + i + j * kLanes), origin));
      total[j] = hn::Add(total[j], e);
      hn::StoreU(e, kFloat, scores + i + j * kLanes);
    }
  }
  for (int64_t i = whole; i < count; i += kLanes) {
    const auto inside = hn::FirstN(kFloat, size_t(std::min(kLanes, count - i)));
    const FloatVec e = hn::IfThenElseZero(inside, exp2(kFloat, hn::Sub(hn::LoadU(kFloat, scores + i), origin)));
    total[0] = hn::Add(total[0], e);
    hn::StoreU(e, kFloat, scores + i);
  }
  return hn::GetLane(hn::SumOfLanes(kFloat, hn::Add(hn::Add(total[0], total[1]), hn::Add(total[2], total[3]))));
}

HWY_INLINE void scale_row(float* row, int64_t width, float factor) {
  const FloatVec scale = hn::Set(kFloat, factor);
  for (int64_t i = 0; i < width; i += kLanes) hn::StoreU(hn::Mul(hn::LoadU(kFloat, row + i), scale), kFloat, row + i);
}

/// A running softmax over blocks of keys (Milakov and Gimelshein 2018): where a larger score turns up, what was summed
/// before shrinks.
void attend(const AttentionShape& shape, const AttentionStretch& s, float* space) {
  const Blocks block = blocks_of(shape);
  Scratch scratch(space);
  const Workspace w(shape, s.count, scratch);
  const int64_t row = spaced(padded(shape.width)), score_row = spaced(std::min(block.keys, padded(shape.keys)));
  copy_scaled(s.q, s.stride, s.count, shape.width, shape.scale * kLog2E, w.q, row);
  std::fill(w.most, w.most + s.count, -std::numeric_limits<float>::max());
  std::fill(w.sum, w.sum + s.count, 0.0f);

  const int64_t keys_seen = visible_keys(shape, s.first + s.count - 1, 0, shape.keys);
  for (int64_t k = 0; k < keys_seen; k += block.keys) {
    const int64_t keys = std::min(block.keys, shape.keys - k);
    pack_transposed(s.k + k * s.stride, s.stride, keys, shape.width, w.keys);
    pack_straight(s.v + k * s.stride, s.stride, keys, shape.width, w.values);
    for (int64_t q = 0; q < s.count; q += block.queries) {
      const int64_t queries = std::min(block.queries, s.count - q);
      // Keys that the last query of the block sees; for the others, zeros take their place below.
      const int64_t seen = visible_keys(shape, s.first + q + queries - 1, k, keys);
      if (seen == 0) continue;
      multiply_packed(queries, whole_panels(seen, keys), shape.width, {w.keys, shape.width}, w.q + q * row, row,
                      w.scores, score_row, false);
      for (int64_t r = q; r < q + queries; ++r) {
        float* scores = w.scores + (r - q) * score_row;
        const int64_t visible = visible_keys(shape, s.first + r, k, keys);
        if (visible > 0) {
          const float before = w.most[r];
          const float sum = exponentials(scores, visible, w.most[r]);
          if (k > 0 && w.most[r] != before) {
            const float shrink = std::exp2(before - w.most[r]);
            w.sum[r] *= shrink;
            scale_row(w.y + r * row, shape.width, shrink);
          }
          w.sum[r] += sum;
        }
        std::fill(scores + visible, scores + seen, 0.0f);
      }
      multiply_packed(queries, shape.width, seen, {w.values, keys}, w.scores, score_row, w.y + q * row, row, k > 0);
    }
  }
  for (int64_t r = 0; r < s.count; ++r) {
    const FloatVec inverse = hn::Set(kFloat, 1 / w.sum[r]);
    map(shape.width, s.y + r * s.stride, [=](FloatVec v) HWY_ATTR { return hn::Mul(v, inverse); }, w.y + r * row);
    if (s.log_sum) s.log_sum[r] = w.most[r] * kLn2 + std::log(w.sum[r]);
  }
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

// Longer stretches of queries pack the same keys less often, shorter ones make more tasks.
constexpr int64_t kStretch = 1024;

// Small heads share a task until it has this many multiplications.
constexpr int64_t kWork = int64_t{1} << 21;

}  // namespace

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, float* y, float* log_sum,
               Precision) {
  if (isa() == Isa::scalar || shape.keys == 0) return reference::attention(shape, q, k, v, y, log_sum);
  if (shape.queries == 0 || shape.width == 0) return;
  const auto attend = CALOTYPE_KERNEL(attend);
  const int64_t longest = std::min(kStretch, shape.queries), stretches = (shape.queries + longest - 1) / longest;
  const int64_t stride = shape.heads * shape.width, space = CALOTYPE_KERNEL(attention_scratch)(shape, longest);
  const int64_t per_task = std::max<int64_t>(1, kWork / (2 * longest * shape.keys * shape.width));
  over_pieces(shape.batch * shape.heads * stretches, per_task, [&](int64_t begin, int64_t count) {
    float* scratch = static_cast<float*>(thread_scratch(space));
    for (int64_t i = begin; i < begin + count; ++i) {
      const int64_t picture = i / (shape.heads * stretches), head = i / stretches % shape.heads;
      const int64_t first = i % stretches * longest, channel = head * shape.width;
      const int64_t at = (picture * shape.queries + first) * stride + channel;
      const int64_t keys_at = picture % shape.key_batch * shape.keys * stride + channel;
      float* sums = log_sum ? log_sum + (picture * shape.heads + head) * shape.queries + first : nullptr;
      attend(shape,
             {q + at, k + keys_at, v + keys_at, y + at, sums, first, std::min(longest, shape.queries - first), stride},
             scratch);
    }
  });
}

}  // namespace calotype::kernels
#endif

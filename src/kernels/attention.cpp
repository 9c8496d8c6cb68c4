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
#include "kernels/bf16-inl.h"
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

/// The largest of `most` and of the first `count` scores.
HWY_INLINE float largest_score(const float* scores, int64_t count, float most) {
  FloatVec high[4];
  CALOTYPE_UNROLL
  for (int j = 0; j < 4; ++j) high[j] = hn::Set(kFloat, most);
  const int64_t whole = count / (4 * kLanes) * (4 * kLanes);
  for (int64_t i = 0; i < whole; i += 4 * kLanes) {
    CALOTYPE_UNROLL
    for (int j = 0; j < 4; ++j) high[j] = hn::Max(high[j], hn::LoadU(kFloat, scores + i + j * kLanes));
  }
  for (int64_t i = whole; i < count; i += kLanes) {
    const auto inside = hn::FirstN(kFloat, size_t(std::min(kLanes, count - i)));
    high[0] = hn::Max(high[0], hn::IfThenElse(inside, hn::LoadU(kFloat, scores + i), high[0]));
  }
  return hn::GetLane(hn::MaxOfLanes(kFloat, hn::Max(hn::Max(high[0], high[1]), hn::Max(high[2], high[3]))));
}

/// Four vectors of sums become one number.
HWY_INLINE float total_of(const FloatVec (&sums)[4]) {
  return hn::GetLane(hn::SumOfLanes(kFloat, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

/// How a row of scores (in powers of two) becomes the left operand of the product with the values: 2^(score - most),
/// whose sum it returns, then zeros up to `seen`.
struct ExponentialsInF32 : InF32 {
  static float exponentials(float* scores, int64_t count, int64_t seen, float most) {
    const FloatVec origin = hn::Set(kFloat, most);
    FloatVec total[4];
    CALOTYPE_UNROLL
    for (int j = 0; j < 4; ++j) total[j] = hn::Zero(kFloat);
    const int64_t whole = count / (4 * kLanes) * (4 * kLanes);
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
    std::fill(scores + count, scores + std::max(count, seen), 0.0f);
    return total_of(total);
  }
  static void to_left(float*, int64_t) {}
};

#if CALOTYPE_HAS_BF16
/// The same into units of bf16, in place: a unit is written where both of its scores have been read.
struct ExponentialsInBf16 : InBf16 {
  CALOTYPE_BF16 static float exponentials(float* scores, int64_t count, int64_t seen, float most) {
    const FloatVec origin = hn::Set(kFloat, most);
    FloatVec total[4];
    CALOTYPE_UNROLL
    for (int j = 0; j < 4; ++j) total[j] = hn::Zero(kFloat);
    const int64_t whole = count / (4 * kLanes) * (4 * kLanes);
    for (int64_t i = 0; i < whole; i += 4 * kLanes) {
      FloatVec e[4];
      CALOTYPE_UNROLL
      for (int j = 0; j < 4; ++j) {
        e[j] = exp2_for_bf16(kFloat, hn::Sub(hn::LoadU(kFloat, scores + i + j * kLanes), origin));
        total[j] = hn::Add(total[j], e[j]);
      }
      hn::StoreU(pairs_along(e[0], e[1]), kFloat, scores + i / 2);
      hn::StoreU(pairs_along(e[2], e[3]), kFloat, scores + i / 2 + kLanes);
    }
    for (int64_t i = whole; i < count; i += 2 * kLanes) {
      FloatVec e[2];
      CALOTYPE_UNROLL
      for (int j = 0; j < 2; ++j) {
        const auto inside = hn::FirstN(kFloat, size_t(std::clamp<int64_t>(count - i - j * kLanes, 0, kLanes)));
        const FloatVec score = hn::LoadU(kFloat, scores + i + j * kLanes);
        e[j] = hn::IfThenElseZero(inside, exp2_for_bf16(kFloat, hn::Sub(score, origin)));
        total[j] = hn::Add(total[j], e[j]);
      }
      hn::StoreU(pairs_along(e[0], e[1]), kFloat, scores + i / 2);
    }
    if (units(seen) > units(count)) std::fill(scores + units(count), scores + units(seen), 0.0f);
    return total_of(total);
  }
  static void to_left(float* row, int64_t width) { to_units(row, width, row); }
};
#endif

HWY_INLINE void scale_row(float* row, int64_t width, float factor) {
  const FloatVec scale = hn::Set(kFloat, factor);
  for (int64_t i = 0; i < width; i += kLanes) hn::StoreU(hn::Mul(hn::LoadU(kFloat, row + i), scale), kFloat, row + i);
}

/// A running softmax over blocks of keys (Milakov and Gimelshein 2018): where a larger score turns up, what was summed
/// before shrinks. Scores, maxima and sums are f32 whatever the operands are.
template <class Operands>
void attend_with(const AttentionShape& shape, const AttentionStretch& s, float* space) {
  const Blocks block = blocks_of(shape);
  Scratch scratch(space);
  const Workspace w(shape, s.count, scratch);
  const int64_t row = spaced(padded(shape.width)), score_row = spaced(std::min(block.keys, padded(shape.keys)));
  const int64_t depth = Operands::units(shape.width);
  copy_scaled(s.q, s.stride, s.count, shape.width, shape.scale * kLog2E, w.q, row);
  for (int64_t r = 0; r < s.count; ++r) Operands::to_left(w.q + r * row, shape.width);
  std::fill(w.most, w.most + s.count, -std::numeric_limits<float>::max());
  std::fill(w.sum, w.sum + s.count, 0.0f);

  const int64_t keys_seen = visible_keys(shape, s.first + s.count - 1, 0, shape.keys);
  for (int64_t k = 0; k < keys_seen; k += block.keys) {
    const int64_t keys = std::min(block.keys, shape.keys - k);
    pack_transposed<Operands>(s.k + k * s.stride, s.stride, keys, shape.width, w.keys);
    pack_straight<Operands>(s.v + k * s.stride, s.stride, keys, shape.width, w.values);
    for (int64_t q = 0; q < s.count; q += block.queries) {
      const int64_t queries = std::min(block.queries, s.count - q);
      // Keys that the last query of the block sees; for the others, zeros take their place below.
      const int64_t seen = visible_keys(shape, s.first + q + queries - 1, k, keys);
      if (seen == 0) continue;
      multiply_packed<Operands>(queries, whole_panels(seen, keys), depth, {w.keys, depth}, w.q + q * row, row, w.scores,
                                score_row, false);
      for (int64_t r = q; r < q + queries; ++r) {
        float* scores = w.scores + (r - q) * score_row;
        const int64_t visible = visible_keys(shape, s.first + r, k, keys);
        const float before = w.most[r];
        if (visible > 0) w.most[r] = largest_score(scores, visible, before);
        const float sum = Operands::exponentials(scores, visible, seen, w.most[r]);
        if (visible > 0) {
          if (k > 0 && w.most[r] != before) {
            const float shrink = std::exp2(before - w.most[r]);
            w.sum[r] *= shrink;
            scale_row(w.y + r * row, shape.width, shrink);
          }
          w.sum[r] += sum;
        }
      }
      multiply_packed<Operands>(queries, shape.width, Operands::units(seen), {w.values, Operands::units(keys)},
                                w.scores, score_row, w.y + q * row, row, k > 0);
    }
  }
  for (int64_t r = 0; r < s.count; ++r) {
    const FloatVec inverse = hn::Set(kFloat, 1 / w.sum[r]);
    map(shape.width, s.y + r * s.stride, [=](FloatVec v) HWY_ATTR { return hn::Mul(v, inverse); }, w.y + r * row);
    if (s.log_sum) s.log_sum[r] = w.most[r] * kLn2 + std::log(w.sum[r]);
  }
}

void attend(const AttentionShape& shape, const AttentionStretch& stretch, float* space) {
  attend_with<ExponentialsInF32>(shape, stretch, space);
}

#if CALOTYPE_HAS_BF16
void attend_in_bf16(const AttentionShape& shape, const AttentionStretch& stretch, float* space) {
  attend_with<ExponentialsInBf16>(shape, stretch, space);
}
#endif

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

// Longer stretches of queries pack the same keys less often, shorter ones make more tasks.
constexpr int64_t kStretch = 1024;

// Small heads share a task until it has this many multiplications.
constexpr int64_t kWork = int64_t{1} << 21;

struct Problem {
  const AttentionShape& shape;
  Precision precision;
};

/// Of a stretch; null: the reference does the whole.
using Run = void (*)(const AttentionShape&, const AttentionStretch&, float*);

const char* unless_reference(const Problem& problem) {
  return problem.shape.keys == 0 ? nullptr : unless_scalar(problem);
}

constexpr Entry<Problem, Run> kForward[] = {
    {"scalar", unless_reference, nullptr},
#if defined(__x86_64__)
    {"bf16", [](const Problem& problem) { return unless_bf16(problem.precision); }, N_AVX3::attend_in_bf16},
#endif
    {"f32", takes_all<Problem>, [](const AttentionShape& shape, const AttentionStretch& stretch, float* space) {
       CALOTYPE_KERNEL(attend)(shape, stretch, space);
     }}};

}  // namespace

std::vector<KernelChoice> attention_choices(const AttentionShape& shape, Precision precision) {
  return choices(kForward, {shape, precision});
}

void attention(const AttentionShape& shape, const float* q, const float* k, const float* v, float* y, float* log_sum,
               Precision precision) {
  const Run attend = chosen(kForward, {shape, precision}).run;
  if (!attend) return reference::attention(shape, q, k, v, y, log_sum);
  if (shape.queries == 0 || shape.width == 0) return;
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

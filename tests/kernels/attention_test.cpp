#include "kernels/attention.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::noise;
using testing::widened;

AttentionShape shaped(int64_t batch, int64_t key_batch, int64_t heads, int64_t queries, int64_t keys, int64_t width,
                      bool causal = false) {
  return {batch, key_batch, heads, queries, keys, width, 1 / std::sqrt(float(width)), causal};
}

// Widths below, at and between whole panels; one query, one key; more keys than a block, more queries than a stretch;
// batches that share keys.
const AttentionShape kShapes[] = {shaped(1, 1, 1, 1, 1, 1),
                                  shaped(2, 1, 3, 5, 7, 4),
                                  shaped(2, 2, 2, 17, 33, 16),
                                  shaped(1, 1, 2, 97, 77, 20),
                                  shaped(4, 2, 1, 64, 77, 16),
                                  shaped(1, 1, 1, 120, 270, 64),
                                  shaped(1, 1, 2, 1030, 20, 4),
                                  shaped(1, 1, 1, 50, 140, 512),
                                  shaped(1, 1, 1, 7, 130, 300),
                                  shaped(2, 2, 3, 77, 77, 32, true),
                                  shaped(1, 1, 1, 200, 200, 24, true),
                                  shaped(1, 1, 1, 9, 4, 8, true),
                                  shaped(1, 1, 1, 3, 40, 8, true)};

struct Inputs {
  std::vector<float> q, k, v, dy;

  // `peak` scales the scores: at 6 a few keys take nearly all.
  Inputs(const AttentionShape& s, float peak)
      : q(noise("q", s.batch * s.queries * s.heads * s.width, peak)),
        k(noise("k", s.key_batch * s.keys * s.heads * s.width)),
        v(noise("v", k.size())),
        dy(noise("dy", q.size())) {}
};

int64_t sums_of(const AttentionShape& s) {
  return s.batch * s.heads * s.queries;
}

// |score| is at most about 4 deviations of `peak`; each score is a sum of `width` products, and its error multiplies
// the probability. What follows is a mean of values.
double relative_error(const AttentionShape& s, double peak) {
  return kEpsilon * (8 + 4 * peak * (4 + std::sqrt(double(s.width))));
}

TEST(Attention, EveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (const AttentionShape& s : kShapes)
      for (float peak : {1.0f, 6.0f}) {
        SCOPED_TRACE(fmt::format("{}x{}x{}, {} queries, {} keys, width {}", s.batch, s.key_batch, s.heads, s.queries,
                                 s.keys, s.width));
        const Inputs in(s, peak);
        std::vector<float> y(in.q.size()), sums(sums_of(s));
        std::vector<double> expected(y.size()), expected_sums(sums.size());
        attention(s, in.q.data(), in.k.data(), in.v.data(), y.data(), sums.data());
        reference::attention(s, widened(in.q).data(), widened(in.k).data(), widened(in.v).data(), expected.data(),
                             expected_sums.data());
        const double error = relative_error(s, peak);
        EXPECT_LE(testing::worst(y, expected, [&](size_t) { return 4 * error; }), 1);
        EXPECT_LE(
            testing::worst(sums, expected_sums, [&](size_t i) { return error * (1 + std::abs(expected_sums[i])); }), 1);
        std::vector<float> without(y.size());
        attention(s, in.q.data(), in.k.data(), in.v.data(), without.data(), nullptr);
        EXPECT_EQ(y, without);
      }
  });
}

std::vector<double> rounded(const std::vector<float>& x, float factor = 1) {
  std::vector<double> y;
  for (const float v : x) y.push_back(to_float(to_bfloat16(v * factor)));
  return y;
}

// Against attention in f64 on the rounded operands, what is left is the rounding of each probability, 2^-8 of it,
// beside what f32 errs.
TEST(Attention, HalfPrecisionRoundsOperandsAndProbabilities) {
  testing::for_each_isa([] {
    if (in_use(Precision::bf16) != Precision::bf16) return;
    for (const AttentionShape& s : kShapes)
      for (float peak : {1.0f, 6.0f}) {
        SCOPED_TRACE(fmt::format("{}x{}x{}, {} queries, {} keys, width {}", s.batch, s.key_batch, s.heads, s.queries,
                                 s.keys, s.width));
        const Inputs in(s, peak);
        std::vector<float> y(in.q.size()), sums(sums_of(s));
        attention(s, in.q.data(), in.k.data(), in.v.data(), y.data(), sums.data(), Precision::bf16);
        // The kernel rounds queries times scale log2 e.
        AttentionShape powers = s;
        powers.scale = 1;
        std::vector<double> q = rounded(in.q, s.scale * 1.44269504f), k = rounded(in.k), v = rounded(in.v);
        for (double& x : q) x *= 0.69314718055994531;
        std::vector<double> expected(y.size()), sizes(y.size()), expected_sums(sums.size());
        reference::attention(powers, q.data(), k.data(), v.data(), expected.data(), expected_sums.data());
        for (double& x : v) x = std::abs(x);
        reference::attention<double>(powers, q.data(), k.data(), v.data(), sizes.data(), nullptr);
        const double error = relative_error(s, peak) + 2e-4;
        EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 4 * error + 0x1.01p-8 * sizes[i]; }), 1);
        EXPECT_LE(
            testing::worst(sums, expected_sums, [&](size_t i) { return error * (1 + std::abs(expected_sums[i])); }), 1);
      }
  });
}

TEST(Attention, WritesNothingElse) {
  testing::for_each_isa([] {
    const AttentionShape s = shaped(1, 1, 1, 5, 9, 13);
    const Inputs in(s, 1);
    for (Precision precision : {Precision::f32, Precision::bf16}) {
      std::vector<float> y(in.q.size() + 32, 7.0f);
      attention(s, in.q.data(), in.k.data(), in.v.data(), y.data() + 16, nullptr, precision);
      for (size_t i = 0; i < 16; ++i) {
        EXPECT_EQ(7, y[i]);
        EXPECT_EQ(7, y[y.size() - 1 - i]);
      }
    }
  });
}

TEST(Attention, EmptyBatchAndNoKeys) {
  testing::for_each_isa([] {
    attention(shaped(0, 1, 2, 3, 4, 8), nullptr, nullptr, nullptr, nullptr, nullptr);
    const std::vector<float> q(8);
    std::vector<float> y(8, 1.0f);
    attention(shaped(1, 1, 1, 1, 0, 8), q.data(), nullptr, nullptr, y.data(), nullptr);
    EXPECT_EQ(std::vector<float>(8), y);
  });
}

struct Derivatives {
  std::vector<double> dq, dk, dv;
};

template <class T>
Derivatives derivatives(const AttentionShape& s, const std::vector<T>& q, const std::vector<T>& k,
                        const std::vector<T>& v, const std::vector<T>& dy) {
  std::vector<T> y(q.size()), sums(sums_of(s)), dq(q.size(), T(9)), dk(k.size(), T(9)), dv(k.size(), T(9));
  if constexpr (std::is_same_v<T, float>) {
    attention(s, q.data(), k.data(), v.data(), y.data(), sums.data());
    attention_gradient(s, q.data(), k.data(), v.data(), y.data(), sums.data(), dy.data(), dq.data(), dk.data(),
                       dv.data());
  } else {
    reference::attention(s, q.data(), k.data(), v.data(), y.data(), sums.data());
    reference::attention_gradient(s, q.data(), k.data(), v.data(), y.data(), sums.data(), dy.data(), dq.data(),
                                  dk.data(), dv.data());
  }
  return {{dq.begin(), dq.end()}, {dk.begin(), dk.end()}, {dv.begin(), dv.end()}};
}

TEST(Attention, GradientsAreDerivatives) {
  for (const AttentionShape& s : {shaped(1, 1, 2, 3, 4, 3), shaped(4, 2, 1, 2, 3, 2), shaped(1, 1, 1, 4, 4, 2, true)}) {
    const Inputs in(s, 1);
    std::vector<double> q = widened(in.q), k = widened(in.k), v = widened(in.v), y(q.size());
    const std::vector<double> dy = widened(in.dy);
    const Derivatives found = derivatives(s, q, k, v, dy);
    const auto loss = [&] {
      reference::attention<double>(s, q.data(), k.data(), v.data(), y.data(), nullptr);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
      return sum;
    };
    for (size_t i = 0; i < q.size(); ++i) EXPECT_NEAR(found.dq[i], testing::central_difference(q, i, loss), 1e-8);
    for (size_t i = 0; i < k.size(); ++i) {
      EXPECT_NEAR(found.dk[i], testing::central_difference(k, i, loss), 1e-8);
      EXPECT_NEAR(found.dv[i], testing::central_difference(v, i, loss), 1e-8);
    }
  }
}

double largest(const std::vector<double>& x) {
  double most = 0;
  for (double v : x) most = std::max(most, std::abs(v));
  return most;
}

TEST(Attention, GradientsOfEveryIsaAgreeWithDouble) {
  testing::for_each_isa([] {
    for (const AttentionShape& s : kShapes)
      for (float peak : {1.0f, 6.0f}) {
        SCOPED_TRACE(fmt::format("{}x{}x{}, {} queries, {} keys, width {}, peak {}", s.batch, s.key_batch, s.heads,
                                 s.queries, s.keys, s.width, peak));
        const Inputs in(s, peak);
        const Derivatives found = derivatives(s, in.q, in.k, in.v, in.dy);
        const Derivatives expected = derivatives(s, widened(in.q), widened(in.k), widened(in.v), widened(in.dy));
        const double error = 8 * relative_error(s, peak);
        const auto agree = [&](const std::vector<double>& a, const std::vector<double>& b, double terms) {
          const double bound = error * (terms + largest(b));
          double worst = 0;
          for (size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]) / bound);
          EXPECT_LE(worst, 1);
        };
        agree(found.dq, expected.dq, 1);
        agree(found.dk, expected.dk, peak);
        agree(found.dv, expected.dv, 1);
      }
  });
}

TEST(Attention, SameBitsForAnyThreadsAndBatch) {
  testing::for_each_isa([] {
    const AttentionShape s = shaped(3, 3, 2, 300, 270, 24);
    const Inputs in(s, 2);
    testing::expect_same_bits_for_any_threads([&] {
      const Derivatives d = derivatives(s, in.q, in.k, in.v, in.dy);
      std::vector<float> all(in.q.size());
      attention(s, in.q.data(), in.k.data(), in.v.data(), all.data(), nullptr);
      std::vector<float> half(in.q.size());
      attention(s, in.q.data(), in.k.data(), in.v.data(), half.data(), nullptr, Precision::bf16);
      all.insert(all.end(), half.begin(), half.end());
      for (const auto& part : {d.dq, d.dk, d.dv}) all.insert(all.end(), part.begin(), part.end());
      return all;
    });
    std::vector<float> all(in.q.size()), alone(in.q.size() / 3);
    attention(s, in.q.data(), in.k.data(), in.v.data(), all.data(), nullptr);
    const int64_t keys = int64_t(in.k.size()) / 3;
    attention(shaped(1, 1, 2, 300, 270, 24), &in.q[alone.size()], &in.k[keys], &in.v[keys], alone.data(), nullptr);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + int64_t(alone.size())));
  });
}

}  // namespace
}  // namespace calotype::kernels

#include "kernels/optimizer.h"

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::noise;
using testing::widened;

struct State {
  std::vector<float> weight, first, second;
};

State start(int64_t count) {
  State s{noise("w", count), noise("m", count, 0.1f), noise("u", count, 0.1f)};
  for (float& u : s.second) u *= u;  // a mean of squares
  return s;
}

TEST(AdamW, EveryIsaFollowsTheFormula) {
  testing::for_each_isa([] {
    for (int64_t count : {0, 1, 7, 8, 33, 70001})
      for (int64_t step : {1, 2, 1000}) {
        State s = start(count);
        const State before = s;
        const std::vector<float> gradient = noise("g", count);
        const AdamWStep rule{1e-2, 0.9, 0.99, 1e-8, 0.1, step};
        adamw(rule, gradient, s.weight, s.first, s.second);
        std::vector<double> m(count), u(count), w(count);
        for (int64_t i = 0; i < count; ++i) {
          const double g = gradient[i];
          m[i] = rule.beta1 * before.first[i] + (1 - rule.beta1) * g;
          u[i] = rule.beta2 * before.second[i] + (1 - rule.beta2) * g * g;
          const double m_hat = m[i] / (1 - std::pow(rule.beta1, double(step)));
          const double u_hat = u[i] / (1 - std::pow(rule.beta2, double(step)));
          w[i] = before.weight[i] * (1 - rule.learning_rate * rule.decay);
          w[i] -= rule.learning_rate * m_hat / (std::sqrt(u_hat) + rule.epsilon);
        }
        // A few roundings each; m may cancel, so its bound looks at its terms.
        const auto of_first = [&](size_t i) {
          return 2 * kEpsilon * (std::abs(before.first[i]) + 0.1 * std::abs(gradient[i])) + 1e-37;
        };
        EXPECT_LE(testing::worst(s.first, m, of_first), 1);
        EXPECT_LE(testing::worst(s.second, u, [&](size_t i) { return 4 * kEpsilon * u[i] + 1e-37; }), 1);
        EXPECT_LE(testing::worst(s.weight, w,
                                 [&](size_t i) {
                                   const double u_hat = u[i] / (1 - std::pow(rule.beta2, double(step)));
                                   const double rate = rule.learning_rate / (1 - std::pow(rule.beta1, double(step)));
                                   const double move = rate / (std::sqrt(u_hat) + rule.epsilon);
                                   return 2 * kEpsilon * std::abs(w[i]) +
                                          move * (of_first(i) + 8 * kEpsilon * std::abs(m[i]));
                                 }),
                  1);
      }
  });
}

TEST(AdamW, GradientsOfZeroOnlyDecay) {
  testing::for_each_isa([] {
    std::vector<float> weight(20, 2.0f), first(20), second(20);
    const std::vector<float> gradient(20);
    adamw({0.5, 0.9, 0.999, 1e-8, 0.5, 1}, gradient, weight, first, second);
    for (float w : weight) EXPECT_EQ(1.5f, w);
  });
}

TEST(Ema, EveryIsaFollowsTheFormula) {
  testing::for_each_isa([] {
    for (int64_t count : {0, 1, 9, 70001}) {
      const std::vector<float> weight = noise("w", count), before = noise("a", count);
      std::vector<float> average = before;
      ema(0.999, weight, average);
      std::vector<double> expected(count);
      for (int64_t i = 0; i < count; ++i) expected[i] = before[i] + 0.001 * (double(weight[i]) - before[i]);
      EXPECT_LE(
          testing::worst(average, expected,
                         [&](size_t i) { return kEpsilon * (std::abs(expected[i]) + 0.01 * std::abs(weight[i])); }),
          1);
    }
  });
}

TEST(Optimizer, SameBitsForAnyThreadsAndMisaligned) {
  testing::for_each_isa([] {
    const int64_t count = 200003;
    const std::vector<float> gradient = noise("g", count);
    const auto run = [&](int64_t skip) {
      State s = start(count);
      const auto part = [&](std::vector<float>& x) { return std::span(x).subspan(skip); };
      adamw({1e-3, 0.9, 0.999, 1e-8, 1e-2, 3}, std::span(gradient).subspan(skip), part(s.weight), part(s.first),
            part(s.second));
      ema(0.99, part(s.weight), part(s.first));
      s.weight.insert(s.weight.end(), s.first.begin(), s.first.end());
      return s.weight;
    };
    testing::expect_same_bits_for_any_threads([&] { return run(0); });
    const std::vector<float> whole = run(0), later = run(3);
    EXPECT_EQ(0, std::memcmp(&whole[3], &later[3], (count - 3) * sizeof(float)));
  });
}

}  // namespace
}  // namespace calotype::kernels

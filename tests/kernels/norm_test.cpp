#include "kernels/norm.h"

#include <numeric>

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::noise;
using testing::widened;

double largest(const std::vector<double>& x) {
  double most = 0;
  for (double v : x) most = std::max(most, std::abs(v));
  return most;
}

double product(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// y = norm(x), with SiLU or without, from the three steps.
template <class T>
std::vector<T> group_norm(const GroupNormShape& shape, const std::vector<T>& x, const std::vector<T>& gain,
                          const std::vector<T>& bias, bool silu) {
  std::vector<double> sums(shape.batch * shape.channels * 2);
  std::vector<T> scale(shape.batch * shape.channels), shift(scale.size()), y(x.size());
  channel_sums(shape.batch, shape.pixels, shape.channels, x.data(), sums.data());
  fold_group_norm(shape, {sums.data(), shape.channels}, gain.data(), bias.data(), 1e-5, scale.data(), shift.data());
  apply_group_norm(shape, x.data(), scale.data(), shift.data(), silu, y.data());
  return y;
}

const GroupNormShape kShapes[] = {{1, 1, 1, 1},   {1, 1, 8, 2},     {2, 5, 6, 3},     {3, 16, 48, 8},
                                  {1, 64, 33, 3}, {2, 49, 320, 32}, {1, 5000, 40, 5}, {2, 3000, 24, 2}};

// The definition, written out.
std::vector<double> defined_group_norm(const GroupNormShape& s, const std::vector<double>& x,
                                       const std::vector<double>& gain, const std::vector<double>& bias, bool silu) {
  std::vector<double> y(x.size());
  const int64_t width = s.channels / s.groups;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t g = 0; g < s.groups; ++g) {
      std::vector<int64_t> members;
      for (int64_t p = 0; p < s.pixels; ++p)
        for (int64_t c = g * width; c < (g + 1) * width; ++c) members.push_back((b * s.pixels + p) * s.channels + c);
      double mean = 0, variance = 0;
      for (int64_t i : members) mean += x[i] / double(members.size());
      for (int64_t i : members) variance += (x[i] - mean) * (x[i] - mean) / double(members.size());
      for (int64_t i : members) {
        const double z = (x[i] - mean) / std::sqrt(variance + 1e-5) * gain[i % s.channels] + bias[i % s.channels];
        y[i] = silu ? z / (1 + std::exp(-z)) : z;
      }
    }
  return y;
}

TEST(GroupNorm, EveryIsaAgreesWithTheDefinition) {
  testing::for_each_isa([] {
    for (const GroupNormShape& s : kShapes)
      // A mean of a thousand deviations costs the digits that x itself has lost, and no more.
      for (float offset : {0.3f, 1000.0f})
        for (bool silu : {false, true}) {
          const std::vector<float> x = noise("x", s.batch * s.pixels * s.channels, 1, offset);
          const std::vector<float> gain = noise("gain", s.channels, 0.2f, 1), bias = noise("bias", s.channels);
          const std::vector<float> y = group_norm(s, x, gain, bias, silu);
          const std::vector<double> expected = defined_group_norm(s, widened(x), widened(gain), widened(bias), silu);
          // With few members the deviation is small, and so is what x is divided by.
          const double scale = s.pixels * s.channels / s.groups < 8 ? 1 / std::sqrt(1e-5) : 4;
          EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 2 * kEpsilon * (std::abs(x[i]) * scale + 4); }),
                    1)
              << s.pixels << "x" << s.channels << " offset " << offset;
        }
  });
}

TEST(GroupNorm, TwoMapsSideBySide) {
  const GroupNormShape s{2, 9, 12, 2};  // the first group ends inside the second map
  const std::vector<float> first = noise("first", 2 * 9 * 5), second = noise("second", 2 * 9 * 7);
  std::vector<float> both;
  for (int i = 0; i < 18; ++i) {
    both.insert(both.end(), first.begin() + i * 5, first.begin() + (i + 1) * 5);
    both.insert(both.end(), second.begin() + i * 7, second.begin() + (i + 1) * 7);
  }
  std::vector<double> sums(2 * 12 * 2), first_sums(2 * 5 * 2), second_sums(2 * 7 * 2);
  channel_sums(2, 9, 12, both.data(), sums.data());
  channel_sums(2, 9, 5, first.data(), first_sums.data());
  channel_sums(2, 9, 7, second.data(), second_sums.data());
  std::vector<float> scale(24), shift(24), scale_of_two(24), shift_of_two(24);
  fold_group_norm(s, {sums.data(), 12}, static_cast<float*>(nullptr), nullptr, 1e-5, scale.data(), shift.data());
  fold_group_norm(s, {first_sums.data(), 5, second_sums.data()}, static_cast<float*>(nullptr), nullptr, 1e-5,
                  scale_of_two.data(), shift_of_two.data());
  EXPECT_EQ(scale, scale_of_two);
  EXPECT_EQ(shift, shift_of_two);
}

struct Gradients {
  std::vector<double> dx, dgain, dbias;
};

template <class T>
Gradients group_norm_gradients(const GroupNormShape& s, const std::vector<T>& x, const std::vector<T>& gain,
                               const std::vector<T>& bias, bool silu, const std::vector<T>& dy) {
  std::vector<double> sums(s.batch * s.channels * 2);
  channel_sums(s.batch, s.pixels, s.channels, x.data(), sums.data());
  std::vector<T> dx = dy, dgain(s.channels), dbias(s.channels);  // dx in dy's place
  group_norm_gradient(GroupNormGradient<T>{s, x.data(), sums.data(), gain.data(), bias.data(), 1e-5, silu, dx.data(),
                                           dx.data(), dgain.data(), dbias.data()});
  return {{dx.begin(), dx.end()}, {dgain.begin(), dgain.end()}, {dbias.begin(), dbias.end()}};
}

TEST(GroupNorm, GradientsAreDerivatives) {
  for (const GroupNormShape& s : {GroupNormShape{2, 3, 6, 3}, GroupNormShape{1, 4, 4, 1}})
    for (bool silu : {false, true}) {
      std::vector<double> x = widened(noise("x", s.batch * s.pixels * s.channels, 1, 0.5f));
      std::vector<double> gain = widened(noise("gain", s.channels, 0.3f, 1)), bias = widened(noise("b", s.channels));
      const std::vector<double> dy = widened(noise("dy", x.size()));
      const Gradients found = group_norm_gradients(s, x, gain, bias, silu, dy);
      const auto loss = [&] { return product(defined_group_norm(s, x, gain, bias, silu), dy); };
      for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(found.dx[i], testing::central_difference(x, i, loss), 1e-7);
      for (size_t i = 0; i < gain.size(); ++i) {
        EXPECT_NEAR(found.dgain[i], testing::central_difference(gain, i, loss), 1e-8);
        EXPECT_NEAR(found.dbias[i], testing::central_difference(bias, i, loss), 1e-8);
      }
    }
}

TEST(GroupNorm, GradientsOfEveryIsaAgreeWithDouble) {
  testing::for_each_isa([] {
    for (const GroupNormShape& s : kShapes)
      for (bool silu : {false, true}) {
        if (s.pixels * s.channels / s.groups < 8) continue;
        const std::vector<float> x = noise("x", s.batch * s.pixels * s.channels, 1, 0.3f);
        const std::vector<float> gain = noise("gain", s.channels, 0.2f, 1), bias = noise("bias", s.channels);
        const std::vector<float> dy = noise("dy", x.size());
        const Gradients found = group_norm_gradients(s, x, gain, bias, silu, dy);
        const Gradients expected = group_norm_gradients(s, widened(x), widened(gain), widened(bias), silu, widened(dy));
        // Each value is a handful of roundings of terms like the largest; sums over pixels add them like noise.
        const double terms = double(s.batch * s.pixels), bound = 8 * kEpsilon * (1 + largest(expected.dx));
        for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(found.dx[i], expected.dx[i], bound);
        for (int64_t c = 0; c < s.channels; ++c) {
          EXPECT_NEAR(found.dgain[c], expected.dgain[c], 32 * kEpsilon * std::sqrt(terms) + kEpsilon * terms);
          EXPECT_NEAR(found.dbias[c], expected.dbias[c], 32 * kEpsilon * std::sqrt(terms) + kEpsilon * terms);
        }
      }
  });
}

TEST(GroupNorm, SameBitsForAnyThreadsAndBatch) {
  testing::for_each_isa([] {
    const GroupNormShape s{3, 4000, 40, 5};
    const std::vector<float> x = noise("x", s.batch * s.pixels * s.channels);
    const std::vector<float> gain = noise("gain", s.channels), bias = noise("bias", s.channels);
    testing::expect_same_bits_for_any_threads([&] {
      std::vector<float> all = group_norm(s, x, gain, bias, true);
      const Gradients g = group_norm_gradients(s, x, gain, bias, true, x);
      all.insert(all.end(), g.dx.begin(), g.dx.end());
      all.insert(all.end(), g.dgain.begin(), g.dgain.end());
      return all;
    });
    const int64_t picture = s.pixels * s.channels;
    const std::vector<float> all = group_norm(s, x, gain, bias, true), second(&x[picture], &x[2 * picture]);
    const std::vector<float> alone = group_norm({1, s.pixels, s.channels, s.groups}, second, gain, bias, true);
    EXPECT_EQ(0, std::memcmp(alone.data(), &all[picture], picture * sizeof(float)));
  });
}

TEST(LayerNorm, EveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (int64_t rows : {0, 1, 7, 700})
      for (int64_t width : {8, 13, 48, 257, 1024}) {
        const std::vector<float> x = noise("x", rows * width + 1, 2, 5), gain = noise("gain", width, 0.2f, 1);
        const std::vector<float> bias = noise("bias", width), dy = noise("dy", rows * width + 1);
        const std::vector<double> wx = widened(x), wg = widened(gain), wb = widened(bias), wdy = widened(dy);
        std::vector<float> y(rows * width);
        std::vector<double> expected(rows * width);
        // Misaligned by one element.
        layer_norm(rows, width, x.data() + 1, gain.data(), bias.data(), 1e-5, y.data());
        layer_norm(rows, width, wx.data() + 1, wg.data(), wb.data(), 1e-5, expected.data());
        EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 8 * kEpsilon * (1 + std::abs(x[i + 1])); }), 1);

        std::vector<float> dgain(width), dbias(width);
        std::vector<double> expected_dgain(width), expected_dbias(width);
        layer_norm_gradient(rows, width, x.data() + 1, gain.data(), 1e-5, dy.data() + 1, y.data(), dgain.data(),
                            dbias.data());
        layer_norm_gradient(rows, width, wx.data() + 1, wg.data(), 1e-5, wdy.data() + 1, expected.data(),
                            expected_dgain.data(), expected_dbias.data());
        const double bound = 8 * kEpsilon * (1 + largest(expected));
        EXPECT_LE(testing::worst(y, expected, [&](size_t) { return bound; }), 1);
        const auto sums = [&](size_t) { return kEpsilon * (32 * std::sqrt(rows) + double(rows)); };
        EXPECT_LE(testing::worst(dgain, expected_dgain, sums), rows > 0);
        EXPECT_LE(testing::worst(dbias, expected_dbias, sums), rows > 0);
      }
  });
}

TEST(LayerNorm, GradientsAreDerivatives) {
  const int64_t rows = 3, width = 5;
  std::vector<double> x = widened(noise("x", rows * width)), gain = widened(noise("gain", width)), bias(width);
  const std::vector<double> dy = widened(noise("dy", rows * width));
  std::vector<double> dx(rows * width), dgain(width), dbias(width), y(rows * width);
  for (bool with_gain : {false, true}) {
    const double* factor = with_gain ? gain.data() : nullptr;
    layer_norm_gradient(rows, width, x.data(), factor, 1e-5, dy.data(), dx.data(), dgain.data(), dbias.data());
    const auto loss = [&] {
      layer_norm(rows, width, x.data(), factor, bias.data(), 1e-5, y.data());
      return product(y, dy);
    };
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(dx[i], testing::central_difference(x, i, loss), 1e-7);
    for (int64_t c = 0; c < width; ++c) {
      if (with_gain) {
        EXPECT_NEAR(dgain[c], testing::central_difference(gain, c, loss), 1e-8);
      }
      EXPECT_NEAR(dbias[c], testing::central_difference(bias, c, loss), 1e-8);
    }
  }
}

TEST(LayerNorm, NoGainAndNoBiasAreOneAndZero) {
  testing::for_each_isa([] {
    const int64_t width = 37;
    const std::vector<float> x = noise("x", width), ones(width, 1.0f), zeros(width), dy = noise("dy", width);
    std::vector<float> plain(width), full(width), dx(width), dx_full(width);
    layer_norm(1, width, x.data(), nullptr, nullptr, 1e-5, plain.data());
    layer_norm(1, width, x.data(), ones.data(), zeros.data(), 1e-5, full.data());
    EXPECT_EQ(plain, full);
    layer_norm_gradient(1, width, x.data(), nullptr, 1e-5, dy.data(), dx.data(), nullptr, nullptr);
    layer_norm_gradient(1, width, x.data(), ones.data(), 1e-5, dy.data(), dx_full.data(), nullptr, nullptr);
    EXPECT_EQ(dx, dx_full);
  });
}

TEST(LayerNorm, SameBitsForAnyThreads) {
  testing::for_each_isa([] {
    const int64_t rows = 9000, width = 41;
    const std::vector<float> x = noise("x", rows * width), gain = noise("gain", width), dy = noise("dy", rows * width);
    testing::expect_same_bits_for_any_threads([&] {
      std::vector<float> out(rows * width + 2 * width);
      layer_norm_gradient(rows, width, x.data(), gain.data(), 1e-5, dy.data(), out.data(), out.data() + rows * width,
                          out.data() + (rows + 1) * width);
      return out;
    });
  });
}

TEST(L2Normalise, EveryIsaAgreesWithDoubleAndDoubleWithTheDerivative) {
  const int64_t rows = 3;
  for (int64_t width : {1, 5, 16, 100}) {
    std::vector<float> x = noise("x", rows * width, 3);
    const std::vector<float> dy = noise("dy", rows * width);
    std::vector<double> wx = widened(x), expected(x.size()), expected_dx(x.size()), y(x.size());
    const std::vector<double> wdy = widened(dy);
    l2_normalise(rows, width, wx.data(), expected.data());
    l2_normalise_gradient(rows, width, wx.data(), wdy.data(), expected_dx.data());
    const auto loss = [&] {
      l2_normalise(rows, width, wx.data(), y.data());
      return product(y, wdy);
    };
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(expected_dx[i], testing::central_difference(wx, i, loss), 1e-7);
    testing::for_each_isa([&] {
      std::vector<float> out(x.size());
      l2_normalise(rows, width, x.data(), out.data());
      EXPECT_LE(testing::worst(out, expected, [&](size_t) { return 2 * kEpsilon; }), 1);
      l2_normalise_gradient(rows, width, x.data(), dy.data(), out.data());
      EXPECT_LE(testing::worst(out, expected_dx, [&](size_t) { return 8 * kEpsilon * (1 + largest(expected_dx)); }), 1);
      const std::vector<float> zeros(width);
      l2_normalise(1, width, zeros.data(), out.data());
      for (int64_t i = 0; i < width; ++i) EXPECT_EQ(0, out[i]);
    });
  }
}

}  // namespace
}  // namespace calotype::kernels

#include "kernels/activation.h"

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;

struct Case {
  const char* name;
  void (*forward)(std::span<const float>, std::span<float>);
  void (*forward_double)(std::span<const double>, std::span<double>);
  void (*gradient)(std::span<const float>, std::span<const float>, std::span<float>);
  void (*gradient_double)(std::span<const double>, std::span<const double>, std::span<double>);
};

#define CASE(NAME)                                      \
  Case {                                                \
    #NAME, NAME, NAME, NAME##_gradient, NAME##_gradient \
  }
const Case kCases[] = {CASE(silu),       CASE(gelu),       CASE(quick_gelu), CASE(sigmoid),
                       CASE(tanh_clamp), CASE(leaky_relu), CASE(relu),       CASE(tanh)};
#undef CASE

// From -30 to 30, so that the flat ends are there, and values around zero.
std::vector<float> arguments(int64_t count) {
  std::vector<float> x = testing::noise("x", count, 3);
  for (int64_t i = 0; i < count; i += 3) x[i] = float(i % 601) / 10 - 30;
  return x;
}

// A few roundings of the value, and what rounding x (or x / sqrt 2, x log2 e) does: |x| epsilon. Against cancellation
// in 1 + erf and 1 - tanh the bound is absolute.
double allowed(double x) {
  return 2 * kEpsilon * (1 + std::abs(x));
}

TEST(Activation, EveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (const Case& c : kCases) {
      SCOPED_TRACE(c.name);
      for (int64_t count : {0, 1, 3, 7, 8, 15, 17, 31, 33, 1000, 70001}) {
        const std::vector<float> x = arguments(count), dy = testing::noise("dy", count);
        std::vector<float> y(count), dx(count);
        c.forward(x, y);
        c.gradient(x, dy, dx);
        const std::vector<double> wide = testing::widened(x), wide_dy = testing::widened(dy);
        std::vector<double> expected(count), expected_dx(count);
        c.forward_double(wide, expected);
        c.gradient_double(wide, wide_dy, expected_dx);
        EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return allowed(x[i]); }), 1) << count;
        EXPECT_LE(testing::worst(dx, expected_dx, [&](size_t i) { return std::abs(dy[i]) * allowed(x[i]) + 1e-37; }), 1)
            << count;
      }
    }
  });
}

TEST(Activation, LowValuesKeepTheirDigits) {
  // Relative, where no cancellation excuses a lost digit: exp's argument is rounded, hence |x|.
  testing::for_each_isa([] {
    std::vector<float> x;
    for (float v = -80; v < 80; v += 0.037f) x.push_back(v);
    const std::vector<double> wide = testing::widened(x);
    std::vector<float> y(x.size());
    std::vector<double> expected(x.size());
    silu(x, y), silu(wide, expected);
    EXPECT_LE(testing::worst(y, expected,
                             [&](size_t i) { return kEpsilon * (2 + std::abs(x[i])) * std::abs(expected[i]) + 1e-36; }),
              1);
    exponential(x, y), exponential(wide, expected);
    EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 2 * kEpsilon * expected[i]; }), 1);
    for (float& v : x) v /= 10;
    const std::vector<double> small = testing::widened(x);
    tanh_clamp(x, y), tanh_clamp(small, expected);
    EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 4 * kEpsilon * std::abs(expected[i]) + 1e-37; }), 1);
  });
}

TEST(Activation, GradientsAreDerivatives) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.name);
    std::vector<double> x = {-9, -2.5, -1, -0.3, 0.2, 0.9, 1.7, 4, 11}, dy(x.size(), 0.7), dx(x.size()), y(x.size());
    c.gradient_double(x, dy, dx);
    for (size_t i = 0; i < x.size(); ++i) {
      const double slope = testing::central_difference(x, i, [&] {
        c.forward_double(x, y);
        return 0.7 * y[i];
      });
      EXPECT_NEAR(dx[i], slope, 1e-9);
    }
  }
}

TEST(Activation, MisalignedSpansAndInPlace) {
  testing::for_each_isa([] {
    const std::vector<float> x = arguments(100);
    for (const Case& c : kCases) {
      SCOPED_TRACE(c.name);
      std::vector<float> whole(100), shifted = x;
      c.forward(x, whole);
      const std::span<float> tail = std::span(shifted).subspan(3, 90);
      c.forward(tail, tail);
      for (int i = 0; i < 100; ++i) EXPECT_EQ(shifted[i], i < 3 || i >= 93 ? x[i] : whole[i]) << i;
    }
  });
}

TEST(Activation, NotANumberStaysOne) {
  testing::for_each_isa([] {
    const std::vector<float> x(20, NAN);
    std::vector<float> y(20);
    for (const Case& c : kCases) {
      c.forward(x, y);
      for (float v : y) EXPECT_TRUE(std::isnan(v)) << c.name;
    }
  });
}

TEST(Activation, GegluEveryIsaAgreesWithDouble) {
  testing::for_each_isa([] {
    for (int64_t width : {1, 5, 8, 16, 27, 64})
      for (int64_t rows : {0, 1, 3}) {
        const std::vector<float> x = arguments(rows * 2 * width), dy = testing::noise("dy", rows * width);
        std::vector<float> y(rows * width), dx(x.size());
        geglu(width, x, y);
        geglu_gradient(width, x, dy, dx);
        std::vector<double> expected(y.size()), expected_dx(x.size());
        geglu(width, testing::widened(x), expected);
        geglu_gradient(width, testing::widened(x), testing::widened(dy), expected_dx);
        const auto gate = [&](size_t i) { return x[i / width * 2 * width + width + i % width]; };
        EXPECT_LE(testing::worst(y, expected, [&](size_t i) { return 40 * allowed(gate(i)); }), 1);
        EXPECT_LE(testing::worst(dx, expected_dx,
                                 [&](size_t i) {
                                   const size_t r = i / (2 * width), j = i % width;
                                   const double value = 1 + std::abs(x[r * 2 * width + j]);
                                   return std::abs(dy[r * width + j]) * value * allowed(x[r * 2 * width + width + j]);
                                 }),
                  1);
      }
  });
}

TEST(Activation, GegluGradientIsTheDerivative) {
  const int64_t width = 3;
  std::vector<double> x = {0.5, -1, 2, 0.3, -0.7, 1.1, -2, 0.1, 0.9, 3, -3, 0.2}, y(6), dx(12);
  const std::vector<double> dy = {1, -0.5, 0.3, 2, 0.8, -1};
  geglu_gradient(width, x, dy, dx);
  for (size_t i = 0; i < x.size(); ++i) {
    const double slope = testing::central_difference(x, i, [&] {
      geglu(width, x, y);
      double loss = 0;
      for (size_t j = 0; j < y.size(); ++j) loss += y[j] * dy[j];
      return loss;
    });
    EXPECT_NEAR(dx[i], slope, 1e-9);
  }
}

TEST(Activation, SameBitsForAnyThreads) {
  testing::for_each_isa([] {
    const std::vector<float> x = arguments(300001);
    testing::expect_same_bits_for_any_threads([&] {
      std::vector<float> y(x.size());
      gelu(x, y);
      return y;
    });
  });
}

}  // namespace
}  // namespace calotype::kernels

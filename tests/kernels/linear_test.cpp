#include "kernels/linear.h"

#include <algorithm>
#include <memory>

#include "kernels/stored_weights.h"
#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::Misaligned;
using testing::noise;
using testing::StoredWeights;

struct Size {
  int64_t rows, in, out;
};
// Around the tile's heights and the panels' widths, across a block of K (384) and a row block (96).
const Size kSizes[] = {{0, 3, 4},      {1, 1, 1},    {1, 0, 3},     {3, 5, 0},   {2, 7, 3},   {5, 48, 48},
                       {7, 33, 17},    {12, 31, 32}, {13, 65, 33},  {97, 16, 9}, {6, 400, 5}, {25, 801, 41},
                       {200, 96, 100}, {3, 256, 64}, {33, 1024, 8}, {2, 40, 700}};

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

double activated(Activation activation, double x) {
  if (activation == Activation::silu) return x / (1 + std::exp(-x));
  if (activation == Activation::gelu) return gelu(x);
  if (activation == Activation::quick_gelu) return x / (1 + std::exp(-1.702 * x));
  return x;
}

/// A linear layer's operands, kept for the time of a test.
struct Problem {
  Size size;
  Activation activation = Activation::none;
  bool with_norm = false, with_bias = true, with_offset = false, with_add = false;
  DType dtype = DType::f32;
  Precision precision = Precision::f32;

  int64_t width() const { return activation == Activation::geglu ? 2 * size.out : size.out; }
  Misaligned x{noise("x", size.rows* size.in)}, bias{noise("bias", width())}, gain{noise("gain", size.in, 0.2f, 1)},
      shift{noise("shift", size.in)}, add{noise("add", size.rows* size.out)};
  int64_t rows_per_offset = std::max<int64_t>(1, (size.rows + 2) / 3);
  Misaligned offset{noise("offset", 4 * size.out)};
  StoredWeights weight{noise("weight", width() * size.in, 0.3f), dtype};

  std::vector<float> run() {
    Misaligned y(size.rows * size.out);
    Linear p{.rows = size.rows,
             .in = size.in,
             .out = size.out,
             .x = x.data(),
             .norm = {},
             .weight = weight.view(),
             .y = y.data()};
    p.activation = activation;
    if (with_norm) p.norm = {gain.data(), shift.data(), 1e-5f};
    if (with_bias) p.bias = bias.data();
    if (with_offset) {
      p.offset = offset.data();
      p.rows_per_offset = rows_per_offset;
    }
    if (with_add) p.add = add.data();
    p.precision = precision;
    linear(p);
    return y.values();
  }

  /// The same in f64, and how far f32 may be from it: (K + 8) roundings of the sum of magnitudes, through an activation
  /// whose slope is at most 1.13, and what the activation itself errs. In bf16 the operands are rounded first; under a
  /// norm they cannot be known to the bit, and each product may be off by two roundings of 2^-8.
  void expected(std::vector<double>& y, std::vector<double>& allowed) {
    const auto [rows, in, out] = size;
    y.assign(rows * out, 0);
    allowed = y;
    const bool rounded = in_use(precision) == Precision::bf16;
    const auto round = [&](double v) { return rounded && !with_norm ? to_float(to_bfloat16(float(v))) : v; };
    std::vector<double> w = weight.values();
    for (double& v : w) v = round(v);
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<double> row(x.data() + r * in, x.data() + (r + 1) * in), error(in, 0);
      for (double& v : row) v = round(v);
      if (with_norm) {
        double sum = 0, squares = 0;
        for (double v : row) sum += v;
        const double mean = sum / double(in);
        for (double v : row) squares += (v - mean) * (v - mean);
        const double scale = 1 / std::sqrt(squares / double(in) + 1e-5);
        for (int64_t i = 0; i < in; ++i) {
          // The mean and the deviation are sums of `in` terms of order one.
          error[i] = kEpsilon * (8 + std::sqrt(double(in))) * (1 + std::abs(row[i])) * scale * std::abs(gain.data()[i]);
          row[i] = (row[i] - mean) * scale * gain.data()[i] + shift.data()[i];
        }
      }
      const auto sum = [&](int64_t o, double& bound) {
        double total = with_bias ? bias.data()[o] : 0;
        double magnitudes = std::abs(total), inherited = 0;
        for (int64_t i = 0; i < in; ++i) {
          total += row[i] * w[o * in + i];
          magnitudes += std::abs(row[i] * w[o * in + i]);
          inherited += error[i] * std::abs(w[o * in + i]);
        }
        bound = double(in + 8) * kEpsilon / 2 * magnitudes + inherited;
        if (rounded && with_norm) bound += 0x1.01p-7 * magnitudes;
        return total;
      };
      for (int64_t o = 0; o < out; ++o) {
        double bound = 0, gate_bound = 0, value = sum(o, bound);
        if (activation == Activation::geglu) {
          const double gate = sum(out + o, gate_bound);
          bound =
              bound * std::abs(gelu(gate)) + std::abs(value) * (1.13 * gate_bound + 2e-6 + kEpsilon * std::abs(gate));
          value *= gelu(gate);
        } else {
          if (with_offset) value += offset.data()[r / rows_per_offset * out + o];
          bound = 1.13 * bound + 2 * kEpsilon * (1 + 8 * std::abs(value));
          if (activation == Activation::gelu) bound += 2e-6;
          value = activated(activation, value);
        }
        if (with_add) value += add.data()[r * out + o];
        y[r * out + o] = value;
        allowed[r * out + o] = bound + kEpsilon * (std::abs(value) + 4);
      }
    }
  }

  void compare() {
    std::vector<double> y, allowed;
    expected(y, allowed);
    EXPECT_LE(testing::worst(run(), y, [&](size_t i) { return allowed[i]; }), 1)
        << size.rows << " x " << size.in << " -> " << size.out;
  }
};

TEST(Linear, EveryIsaAndSizeAgreesWithDouble) {
  testing::for_each_isa([] {
    for (const Size& size : kSizes) Problem{size}.compare();
  });
}

TEST(Linear, EveryStoredTypeOfWeight) {
  testing::for_each_isa([] {
    for (DType dtype : testing::kWeightTypes) {
      SCOPED_TRACE(name_of(dtype));
      for (const Size& size : kSizes) Problem{.size = size, .with_bias = false, .dtype = dtype}.compare();
    }
  });
}

TEST(Linear, HalfPrecisionRoundsOperandsAndNothingElse) {
  testing::for_each_isa([] {
    for (DType dtype : testing::kWeightTypes) {
      SCOPED_TRACE(name_of(dtype));
      for (const Size& size : kSizes) Problem{.size = size, .dtype = dtype, .precision = Precision::bf16}.compare();
    }
    for (Activation activation : {Activation::none, Activation::gelu, Activation::geglu})
      for (const Size& size : kSizes) {
        SCOPED_TRACE(int(activation));
        Problem{.size = size,
                .activation = activation,
                .with_norm = size.in > 0,
                .with_offset = activation != Activation::geglu,
                .with_add = true,
                .dtype = DType::f16,
                .precision = Precision::bf16}
            .compare();
      }
  });
}

TEST(Linear, EveryEpilogue) {
  testing::for_each_isa([] {
    for (Activation activation :
         {Activation::none, Activation::silu, Activation::gelu, Activation::quick_gelu, Activation::geglu})
      for (const Size& size : kSizes) {
        SCOPED_TRACE(int(activation));
        const bool geglu = activation == Activation::geglu;
        Problem{
            .size = size, .activation = activation, .with_norm = size.in > 0, .with_offset = !geglu, .with_add = true}
            .compare();
        Problem{.size = size, .activation = activation, .with_bias = false}.compare();
      }
  });
}

TEST(Linear, NormKeepsItsDigitsUnderALargeOffset) {
  testing::for_each_isa([] {
    Problem p{.size = {5, 77, 3}, .with_norm = true};
    Problem plain{.size = {5, 77, 3}, .with_norm = true};
    for (int64_t i = 0; i < 5 * 77; ++i) p.x.data()[i] += 64;
    const std::vector<float> shifted = p.run(), expected = plain.run();
    // Adding 64 rounds each element to 2^-18; the norm passes that on, times the weights of a row.
    for (size_t i = 0; i < shifted.size(); ++i) EXPECT_NEAR(shifted[i], expected[i], 77 * 0x1p-17);
  });
}

TEST(Linear, ResultMayBeWrittenOverWhatIsAdded) {
  testing::for_each_isa([] {
    Problem p{.size = {50, 40, 37}, .with_add = true};
    const std::vector<float> apart = p.run();
    std::vector<float> y(p.add.values());
    linear({.rows = 50,
            .in = 40,
            .out = 37,
            .x = p.x.data(),
            .norm = {},
            .weight = p.weight.view(),
            .bias = p.bias.data(),
            .add = y.data(),
            .y = y.data()});
    EXPECT_EQ(apart, y);
  });
}

TEST(Linear, ARowHasTheSameBitsInAnyCompany) {
  testing::for_each_isa([] {
    for (Activation activation : {Activation::none, Activation::geglu}) {
      // Precisions take turns, so that the test stays short.
      const Precision precision = activation == Activation::none ? Precision::f32 : in_use(Precision::bf16);
      const Size size{1500, 500, 90};
      Problem all{.size = size, .activation = activation, .with_norm = true, .precision = precision};
      const std::vector<float> y = all.run();
      for (int64_t rows : {1, 2, 11, 95, 777}) {
        Problem some{
            .size = {rows, size.in, size.out}, .activation = activation, .with_norm = true, .precision = precision};
        const std::vector<float> part = some.run();
        ASSERT_EQ(0, std::memcmp(part.data(), y.data(), part.size() * sizeof(float))) << rows;
      }
    }
  });
}

TEST(Linear, SameBitsForAnyThreads) {
  testing::for_each_isa([] {
    for (Precision precision : {Precision::f32, Precision::bf16})
      testing::expect_same_bits_for_any_threads(
          [=] { return Problem{.size = {700, 130, 500}, .precision = precision}.run(); });
  });
}

/// dx and its bound: K = out.
void compare_data_gradient(const Size& size, DType dtype, bool accumulate) {
  const auto [rows, in, out] = size;
  Misaligned dy(noise("dy", rows * out)), dx(noise("dx", rows * in));
  const std::vector<float> before = dx.values();
  const StoredWeights weight(noise("weight", out * in, 0.3f), dtype);
  linear_data_gradient({.rows = rows,
                        .in = in,
                        .out = out,
                        .dy = dy.data(),
                        .weight = weight.view(),
                        .dx = dx.data(),
                        .accumulate = accumulate});
  std::vector<double> expected(rows * in), allowed(rows * in);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < in; ++i) {
      double sum = accumulate ? before[r * in + i] : 0, magnitudes = std::abs(sum);
      for (int64_t o = 0; o < out; ++o) {
        const double term = dy.data()[r * out + o] * weight.values()[o * in + i];
        sum += term;
        magnitudes += std::abs(term);
      }
      expected[r * in + i] = sum;
      allowed[r * in + i] = double(out + 4) * kEpsilon / 2 * magnitudes + 1e-30;
    }
  EXPECT_LE(testing::worst(dx.values(), expected, [&](size_t i) { return allowed[i]; }), 1)
      << rows << " x " << in << " -> " << out << " " << name_of(dtype);
}

TEST(LinearDataGradient, AgreesWithDouble) {
  testing::for_each_isa([] {
    for (DType dtype : testing::kWeightTypes)
      for (const Size& size : kSizes)
        for (bool accumulate : {false, true}) compare_data_gradient(size, dtype, accumulate);
  });
}

void compare_weight_gradient(const Size& size, bool with_weight = true, bool with_bias = true) {
  const auto [rows, in, out] = size;
  Misaligned dy(noise("dy", rows * out)), x(noise("x", rows * in)), dweight(out * in), dbias(out);
  linear_weight_gradient({.rows = rows,
                          .in = in,
                          .out = out,
                          .dy = dy.data(),
                          .x = x.data(),
                          .dweight = with_weight ? dweight.data() : nullptr,
                          .dbias = with_bias ? dbias.data() : nullptr});
  const std::vector<float> dy_values = dy.values(), x_values = x.values();
  const std::vector<double> wide_dy = testing::widened(dy_values), wide_x = testing::widened(x_values);
  std::vector<double> expected(out * in), expected_bias(out), size_of(out * in), size_of_bias(out);
  reference::linear_weight_gradient<double>(rows, in, out, wide_dy.data(), wide_x.data(), expected.data(),
                                            expected_bias.data());
  std::vector<double> abs_dy = wide_dy, abs_x = wide_x;
  for (double& v : abs_dy) v = std::abs(v);
  for (double& v : abs_x) v = std::abs(v);
  reference::linear_weight_gradient<double>(rows, in, out, abs_dy.data(), abs_x.data(), size_of.data(),
                                            size_of_bias.data());
  const double roundings = double(rows + 16) * kEpsilon / 2;
  if (with_weight) {
    EXPECT_LE(testing::worst(dweight.values(), expected, [&](size_t i) { return roundings * size_of[i] + 1e-30; }), 1)
        << rows << " x " << in << " -> " << out;
  }
  if (with_bias) {
    EXPECT_LE(
        testing::worst(dbias.values(), expected_bias, [&](size_t i) { return roundings * size_of_bias[i] + 1e-30; }), 1)
        << rows << " x " << in << " -> " << out;
  }
}

TEST(LinearWeightGradient, AgreesWithDouble) {
  testing::for_each_isa([] {
    for (const Size& size : kSizes) compare_weight_gradient(size);
    for (const Size& size : {Size{3000, 48, 20}, Size{1100, 33, 300}, Size{130, 270, 530}, Size{129, 512, 256}}) {
      compare_weight_gradient(size);
      compare_weight_gradient(size, true, false);
      compare_weight_gradient(size, false, true);
    }
  });
}

TEST(LinearWeightGradient, SameBitsForAnyThreads) {
  testing::for_each_isa([] {
    testing::expect_same_bits_for_any_threads([] {
      const std::vector<float> dy = noise("dy", 4000 * 40), x = noise("x", 4000 * 70);
      std::vector<float> both(40 * 70 + 40);
      linear_weight_gradient({.rows = 4000,
                              .in = 70,
                              .out = 40,
                              .dy = dy.data(),
                              .x = x.data(),
                              .dweight = both.data(),
                              .dbias = both.data() + 40 * 70});
      return both;
    });
  });
}

TEST(LinearReference, GradientsAreThoseOfTheForwardPass) {
  const auto [rows, in, out] = Size{4, 5, 3};
  std::vector<double> x = testing::widened(noise("x", rows * in)), w = testing::widened(noise("w", out * in)),
                      b = testing::widened(noise("b", out)), dy = testing::widened(noise("dy", rows * out)),
                      y(rows * out), dx(rows * in), dw(out * in), db(out);
  const auto loss = [&] {
    reference::linear<double>(rows, in, out, x.data(), w.data(), b.data(), y.data());
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
    return sum;
  };
  reference::linear_data_gradient<double>(rows, in, out, dy.data(), w.data(), dx.data());
  reference::linear_weight_gradient<double>(rows, in, out, dy.data(), x.data(), dw.data(), db.data());
  // Linear in each: central differences are exact but for rounding, 1e-16 / 1e-5.
  for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(dx[i], testing::central_difference(x, i, loss), 1e-9);
  for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(dw[i], testing::central_difference(w, i, loss), 1e-9);
  for (size_t i = 0; i < b.size(); ++i) EXPECT_NEAR(db[i], testing::central_difference(b, i, loss), 1e-9);
}

}  // namespace
}  // namespace calotype::kernels

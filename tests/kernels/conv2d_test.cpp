#include "kernels/conv2d.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/conv2d_product.h"
#include "kernels/stored_weights.h"
#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::kEpsilon;
using testing::Misaligned;
using testing::noise;
using testing::StoredWeights;

const ConvShape kShapes[] = {
    // batch, height, width, in, out, kernel, stride, top, bottom, left, right
    {1, 8, 8, 32, 32},
    {2, 5, 7, 3, 40},   // a first convolution
    {1, 9, 13, 37, 3},  // a last one
    {1, 6, 5, 4, 4},
    {1, 1, 1, 1, 1},
    {3, 1, 1, 5, 6, 1, 1, 0, 0, 0, 0},
    {2, 4, 9, 19, 33, 1, 1, 0, 0, 0, 0},  // a shortcut
    {0, 4, 4, 3, 3},
    {1, 0, 4, 3, 3, 3, 1, 1, 1, 1, 1},
    {1, 4, 4, 0, 3},
    {1, 4, 4, 3, 0},
    {2, 8, 10, 20, 24, 3, 2, 1, 1, 1, 1},  // half the size
    {1, 8, 9, 17, 16, 3, 2, 0, 1, 0, 1},   // the same, padded below and right only
    {1, 11, 9, 8, 9, 4, 4, 0, 0, 0, 0},    // patches
    {1, 12, 12, 3, 16, 7, 2, 3, 3, 3, 3},
    {1, 10, 6, 5, 7, 5, 1, 2, 2, 2, 2},
    {1, 7, 7, 6, 5, 2, 3, 0, 0, 0, 0},       // a stride that skips pixels
    {1, 6, 6, 9, 8, 3, 1, 0, 2, 3, 1},       // uneven padding
    {1, 3, 70, 33, 48},                      // wide
    {1, 20, 4, 300, 20},                     // channels in several blocks
    {1, 40, 40, 128, 16, 3, 2, 1, 1, 1, 1},  // pictures in several units
};

std::string describe(const ConvShape& s) {
  return fmt::format("B{} {}x{} {}->{} k{} s{}", s.batch, s.height, s.width, s.in, s.out, s.kernel, s.stride);
}

std::vector<double> magnitudes(std::vector<double> values) {
  for (double& v : values) v = std::abs(v);
  return values;
}

/// One input that may be read in every way.
struct Input {
  ConvShape shape;
  bool two = false, scaled = false, doubled = false, silu = false;

  int64_t first_channels() const { return two ? (shape.in + 2) / 3 : shape.in; }
  int64_t source_pixels() const { return shape.batch * shape.height * shape.width / (doubled ? 4 : 1); }
  Misaligned first{noise("first", source_pixels() * first_channels())},
      second{noise("second", source_pixels() * (shape.in - first_channels()))},
      scale{noise("scale", shape.batch* shape.in, 0.3f, 1)}, shift{noise("shift", shape.batch* shape.in)};

  MapReading reading() {
    return {.first = first.data(),
            .first_channels = first_channels(),
            .second = two ? second.data() : nullptr,
            .scale = scaled ? scale.data() : nullptr,
            .shift = scaled ? shift.data() : nullptr,
            .doubled = doubled,
            .silu = silu};
  }

  /// The map written out, and what the f32 reading of each value may err by.
  void written_out(std::vector<double>& map, std::vector<double>& error) {
    const ConvShape& s = shape;
    const int64_t factor = doubled ? 2 : 1, one = first_channels();
    map.assign(s.batch * s.height * s.width * s.in, 0);
    error = map;
    for (size_t i = 0; i < map.size(); ++i) {
      const int64_t c = i % s.in, x = i / s.in % s.width, y = i / s.in / s.width % s.height,
                    b = i / s.in / s.width / s.height;
      const int64_t from = (b * (s.height / factor) + y / factor) * (s.width / factor) + x / factor;
      double v = c < one ? first.data()[from * one + c] : second.data()[from * (s.in - one) + c - one];
      if (scaled) v = v * scale.data()[b * s.in + c] + shift.data()[b * s.in + c];
      if (scaled || silu) error[i] = 4 * kEpsilon * (1 + std::abs(v));
      map[i] = silu ? v / (1 + std::exp(-v)) : v;
    }
  }
};

int64_t weight_count(const ConvShape& s) {
  return s.out * s.in * s.kernel * s.kernel;
}
int64_t result_count(const ConvShape& s) {
  return s.batch * std::max<int64_t>(0, s.out_height()) * std::max<int64_t>(0, s.out_width()) * s.out;
}

/// y against f64. (K + 8) roundings of the sum of magnitudes, and what the reading errs.
void compare(Input input, DType dtype, bool everything) {
  const ConvShape& s = input.shape;
  SCOPED_TRACE(describe(s));
  const StoredWeights weight(noise("weight", weight_count(s), 0.3f), dtype);
  Misaligned bias(noise("bias", s.out)), offset(noise("offset", s.batch * s.out)), add(noise("add", result_count(s))),
      y(result_count(s));
  std::vector<double> sums(s.batch * s.out * 2, NAN);
  Conv2d problem{.shape = s, .x = input.reading(), .weight = weight.view(), .y = y.data()};
  problem.bias = bias.data();
  if (everything) {
    problem.offset = offset.data();
    problem.add = add.data();
    problem.sums = sums.data();
  }
  isa() == Isa::scalar ? conv2d(problem) : product_conv2d(problem);

  std::vector<double> map, error, expected(result_count(s)), magnitude(result_count(s)), inherited(result_count(s));
  input.written_out(map, error);
  reference::conv2d<double>(s, map.data(), weight.values().data(), nullptr, expected.data());
  const std::vector<double> abs_weight = magnitudes(weight.values());
  reference::conv2d<double>(s, magnitudes(map).data(), abs_weight.data(), nullptr, magnitude.data());
  reference::conv2d<double>(s, error.data(), abs_weight.data(), nullptr, inherited.data());
  const int64_t per_picture = s.batch ? result_count(s) / s.batch : 0;
  for (int64_t i = 0; i < result_count(s); ++i) {
    const int64_t o = i % s.out, b = i / per_picture;
    for (double term :
         {double(bias.data()[o]), everything ? offset.data()[b * s.out + o] : 0.0, everything ? add.data()[i] : 0.0}) {
      expected[i] += term;
      magnitude[i] += std::abs(term);
    }
  }
  const double roundings = double(s.in * s.kernel * s.kernel + 8) * kEpsilon / 2;
  const std::vector<float> values = y.values();
  EXPECT_LE(testing::worst(values, expected, [&](size_t i) { return roundings * magnitude[i] + inherited[i] + 1e-30; }),
            1);
  if (!everything) return;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t o = 0; o < s.out; ++o) {
      double sum = 0, squares = 0, size = 0;
      for (int64_t i = o; i < per_picture; i += s.out) {
        const double v = values[b * per_picture + i];
        sum += v;
        squares += v * v;
        size += std::abs(v);
      }
      // In f32 within a tile of at most 12 rows, in f64 across.
      EXPECT_NEAR(sums[2 * (b * s.out + o)], sum, 12 * kEpsilon * size + 1e-30);
      EXPECT_NEAR(sums[2 * (b * s.out + o) + 1], squares, 12 * kEpsilon * squares + 1e-30);
    }
}

TEST(Conv2d, EveryIsaAndShapeAgreesWithDouble) {
  testing::for_each_isa([] {
    for (const ConvShape& shape : kShapes) {
      compare({.shape = shape}, DType::f32, false);
      compare({.shape = shape}, DType::f32, true);
    }
  });
}

TEST(Conv2d, EveryStoredTypeOfWeight) {
  testing::for_each_isa([] {
    for (DType dtype : testing::kWeightTypes) {
      SCOPED_TRACE(name_of(dtype));
      for (const ConvShape& shape : kShapes) compare({.shape = shape}, dtype, false);
    }
  });
}

TEST(Conv2d, EveryReading) {
  testing::for_each_isa([] {
    for (const ConvShape& shape : kShapes)
      for (int kind = 1; kind < 16; ++kind) {
        SCOPED_TRACE(kind);
        const bool two = kind & 1, doubled = kind & 4;
        if (two && shape.in < 2) continue;
        if (doubled && (shape.height % 2 != 0 || shape.width % 2 != 0)) continue;
        compare({.shape = shape, .two = two, .scaled = (kind & 2) != 0, .doubled = doubled, .silu = (kind & 8) != 0},
                DType::f32, true);
      }
  });
}

TEST(Conv2d, ResultMayBeWrittenOverWhatIsAdded) {
  testing::for_each_isa([] {
    const ConvShape s{2, 9, 8, 16, 20};
    Input input{.shape = s};
    const StoredWeights weight(noise("weight", weight_count(s)), DType::f32);
    std::vector<float> add = noise("add", result_count(s)), y(result_count(s));
    Conv2d problem{.shape = s, .x = input.reading(), .weight = weight.view(), .add = add.data(), .y = y.data()};
    conv2d(problem);
    problem.y = add.data();
    conv2d(problem);
    EXPECT_EQ(y, add);
  });
}

/// Forward, both gradients and sums of a shape, end to end.
std::vector<float> everything_of(const ConvShape& s, bool with_weight_gradient) {
  Input input{.shape = s, .scaled = true, .silu = true};
  const StoredWeights weight(noise("weight", weight_count(s)), DType::f32);
  const std::vector<float> dy = noise("dy", result_count(s));
  std::vector<float> y(result_count(s)), dx(s.batch * s.height * s.width * s.in), dweight(weight_count(s)),
      dbias(s.out);
  std::vector<double> sums(s.batch * s.out * 2);
  conv2d({.shape = s, .x = input.reading(), .weight = weight.view(), .y = y.data(), .sums = sums.data()});
  conv2d_data_gradient(s, weight.view(), dy.data(), dx.data());
  y.insert(y.end(), dx.begin(), dx.end());
  y.insert(y.end(), sums.begin(), sums.end());
  if (with_weight_gradient) {
    conv2d_weight_gradient(s, input.reading(), dy.data(), dweight.data(), dbias.data());
    y.insert(y.end(), dweight.begin(), dweight.end());
    y.insert(y.end(), dbias.begin(), dbias.end());
  }
  return y;
}

TEST(Conv2d, SameBitsForAnyThreads) {
  testing::for_each_isa([] {
    for (const ConvShape& shape : {ConvShape{3, 24, 24, 40, 48}, ConvShape{3, 17, 19, 40, 48, 3, 2, 1, 1, 1, 1}})
      testing::expect_same_bits_for_any_threads([&] { return everything_of(shape, true); });
  });
}

TEST(Conv2d, APictureHasTheSameBitsInAnyCompany) {
  testing::for_each_isa([] {
    for (ConvShape s :
         {ConvShape{1, 24, 24, 40, 48}, ConvShape{1, 17, 19, 200, 48, 3, 2, 1, 1, 1, 1}, ConvShape{1, 24, 24, 4, 48}}) {
      SCOPED_TRACE(describe(s));
      const auto outputs = [](ConvShape shape) {
        Input input{.shape = shape, .scaled = true};
        const StoredWeights weight(noise("weight", weight_count(shape)), DType::f32);
        std::vector<float> y(result_count(shape));
        std::vector<double> sums(shape.batch * shape.out * 2);
        // Scale and shift of the first picture do not depend on how many there are.
        conv2d({.shape = shape, .x = input.reading(), .weight = weight.view(), .y = y.data(), .sums = sums.data()});
        y.resize(result_count(shape) / shape.batch);
        y.insert(y.end(), sums.begin(), sums.begin() + 2 * shape.out);
        return y;
      };
      const std::vector<float> alone = outputs(s);
      for (int64_t batch : {2, 5}) {
        s.batch = batch;
        EXPECT_EQ(alone, outputs(s)) << batch;
      }
    }
  });
}

TEST(Conv2dDataGradient, AgreesWithDouble) {
  testing::for_each_isa([] {
    for (DType dtype : testing::kWeightTypes)
      for (const ConvShape& s : kShapes) {
        SCOPED_TRACE(describe(s) + " " + name_of(dtype));
        const StoredWeights weight(noise("weight", weight_count(s)), dtype);
        Misaligned dy(noise("dy", result_count(s))), dx(s.batch * s.height * s.width * s.in);
        if (isa() == Isa::scalar)
          conv2d_data_gradient(s, weight.view(), dy.data(), dx.data());
        else
          product_conv2d_data_gradient(s, weight.view(), dy.data(), dx.data());
        const std::vector<double> wide = testing::widened(dy.values());
        std::vector<double> expected(s.batch * s.height * s.width * s.in), magnitude(expected.size());
        reference::conv2d_data_gradient<double>(s, weight.values().data(), wide.data(), expected.data());
        reference::conv2d_data_gradient<double>(s, magnitudes(weight.values()).data(), magnitudes(wide).data(),
                                                magnitude.data());
        const double roundings = double(s.out * s.kernel * s.kernel + 8) * kEpsilon / 2;
        EXPECT_LE(testing::worst(dx.values(), expected, [&](size_t i) { return roundings * magnitude[i] + 1e-30; }), 1);
      }
  });
}

TEST(Conv2dWeightGradient, AgreesWithDouble) {
  testing::for_each_isa([] {
    for (const ConvShape& s : kShapes)
      for (int kind = 0; kind < 4; ++kind) {
        SCOPED_TRACE(describe(s));
        const bool fancy = kind & 1;
        Input input{.shape = s, .two = fancy && s.in > 1, .scaled = fancy, .silu = fancy};
        Misaligned dy(noise("dy", result_count(s))), dweight(weight_count(s)), dbias(s.out);
        const auto run = isa() == Isa::scalar ? conv2d_weight_gradient : product_conv2d_weight_gradient;
        const bool only_bias = kind == 2, only_weight = kind == 3;
        run(s, input.reading(), dy.data(), only_bias ? nullptr : dweight.data(), only_weight ? nullptr : dbias.data());
        const std::vector<double> wide = testing::widened(dy.values());
        std::vector<double> map, error, expected(weight_count(s)), magnitude(expected), inherited(expected),
            expected_bias(s.out), magnitude_bias(s.out);
        input.written_out(map, error);
        reference::conv2d_weight_gradient<double>(s, map.data(), wide.data(), expected.data(), expected_bias.data());
        const std::vector<double> abs_dy = magnitudes(wide);
        reference::conv2d_weight_gradient<double>(s, magnitudes(map).data(), abs_dy.data(), magnitude.data(),
                                                  magnitude_bias.data());
        reference::conv2d_weight_gradient<double>(s, error.data(), abs_dy.data(), inherited.data(), nullptr);
        const double roundings =
            double(s.batch * std::max<int64_t>(0, s.out_height()) * std::max<int64_t>(0, s.out_width()) + 16) *
            kEpsilon / 2;
        if (!only_bias) {
          EXPECT_LE(testing::worst(dweight.values(), expected,
                                   [&](size_t i) { return roundings * magnitude[i] + inherited[i] + 1e-30; }),
                    1);
        }
        if (!only_weight) {
          EXPECT_LE(testing::worst(dbias.values(), expected_bias,
                                   [&](size_t i) { return roundings * magnitude_bias[i] + 1e-30; }),
                    1);
        }
      }
  });
}

TEST(Conv2dReference, GradientsAreThoseOfTheForwardPass) {
  for (const ConvShape& s : {ConvShape{2, 4, 5, 2, 3}, ConvShape{1, 5, 6, 2, 2, 3, 2, 0, 1, 1, 0}}) {
    std::vector<double> x = testing::widened(noise("x", s.batch * s.height * s.width * s.in)),
                        w = testing::widened(noise("w", weight_count(s))), b = testing::widened(noise("b", s.out)),
                        dy = testing::widened(noise("dy", result_count(s))), y(dy), dx(x), dw(w), db(b);
    const auto loss = [&] {
      reference::conv2d<double>(s, x.data(), w.data(), b.data(), y.data());
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
      return sum;
    };
    reference::conv2d_data_gradient<double>(s, w.data(), dy.data(), dx.data());
    reference::conv2d_weight_gradient<double>(s, x.data(), dy.data(), dw.data(), db.data());
    // Linear in each: central differences are exact but for rounding.
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(dx[i], testing::central_difference(x, i, loss), 1e-9);
    for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(dw[i], testing::central_difference(w, i, loss), 1e-9);
    for (size_t i = 0; i < b.size(); ++i) EXPECT_NEAR(db[i], testing::central_difference(b, i, loss), 1e-9);
  }
}

TEST(Conv2d, ListsSayWhyAKernelIsPassedOver) {
  for (const auto& list : {conv2d_choices({1, 8, 8, 4, 4}), conv2d_data_gradient_choices({1, 8, 8, 4, 4}),
                           conv2d_weight_gradient_choices({1, 8, 8, 4, 4})}) {
    ASSERT_FALSE(list.empty());
    EXPECT_STREQ(list.back().name, "product");
    EXPECT_EQ(list.back().declined, nullptr);
    for (const KernelChoice& choice : list) EXPECT_TRUE(!choice.declined || choice.declined[0]);
  }
}

}  // namespace
}  // namespace calotype::kernels

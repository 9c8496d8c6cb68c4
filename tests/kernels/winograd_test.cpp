#include "kernels/winograd.h"

#include <algorithm>

#include "kernels/testing.h"

namespace calotype::kernels {
namespace {

using testing::noise;
using testing::widened;

/// The error against f64 that F(4x4, 3x3) at these points may have, relative, root mean square; and at one value.
constexpr double kRmsError = 2e-6, kWorstError = 12 * kRmsError;

struct Case {
  const char* name;
  ConvShape shape;
  int64_t seam = 0;  // channels of the first map where there are two
  bool doubled = false, norm = false, silu = false;
  bool all = false;  // offset, add and sums
  DType dtype = DType::f32;
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  return info.param.name;
}

/// A convolution's operands, and the map it reads written out in f64.
struct Operands {
  explicit Operands(const Case& c) : shape(c.shape) {
    const int64_t first = c.seam ? c.seam : c.shape.in, area = c.shape.height * c.shape.width / (c.doubled ? 4 : 1);
    maps[0] = noise("first", c.shape.batch * area * first);
    maps[1] = noise("second", c.shape.batch * area * (c.shape.in - first));
    scale = noise("scale", c.shape.batch * c.shape.in);
    shift = noise("shift", c.shape.batch * c.shape.in, 0.5f);
    bias = noise("bias", c.shape.out, 0.1f);
    offset = noise("offset", c.shape.batch * c.shape.out, 0.1f);
    add = noise("add", c.shape.batch * c.shape.height * c.shape.width * c.shape.out);
    stored = store(noise("weight", c.shape.out * c.shape.in * 9, 1 / std::sqrt(9.0f * float(c.shape.in))), c.dtype);
    weight.resize(c.shape.out * c.shape.in * 9);
    widen(stored.data(), c.dtype, 0, int64_t(weight.size()), weight.data());
    reading = {.first = maps[0].data(), .first_channels = first};
    reading.second = c.seam ? maps[1].data() : nullptr;
    reading.scale = c.norm ? scale.data() : nullptr;
    reading.shift = c.norm ? shift.data() : nullptr;
    reading.doubled = c.doubled;
    reading.silu = c.silu;
    write_out(c, first);
  }

  static std::vector<uint8_t> store(const std::vector<float>& values, DType dtype) {
    std::vector<uint8_t> bytes(bytes_of(dtype, int64_t(values.size())));
    for (size_t i = 0; i < values.size(); ++i) {
      if (dtype == DType::f32) std::memcpy(&bytes[4 * i], &values[i], 4);
      const Float16 half = to_float16(values[i]);
      const BFloat16 brain = to_bfloat16(values[i]);
      if (dtype == DType::f16) std::memcpy(&bytes[2 * i], &half, 2);
      if (dtype == DType::bf16) std::memcpy(&bytes[2 * i], &brain, 2);
      if (dtype == DType::q8_0) {
        const Float16 step = to_float16(1.0f / 512);
        std::memcpy(&bytes[i / 32 * 34], &step, 2);
        bytes[i / 32 * 34 + 2 + i % 32] = uint8_t(int8_t(std::lround(std::clamp(values[i] * 512, -127.0f, 127.0f))));
      }
    }
    return bytes;
  }

  void write_out(const Case& c, int64_t first) {
    const int64_t half = c.doubled ? 2 : 1;
    for (int64_t b = 0; b < c.shape.batch; ++b)
      for (int64_t y = 0; y < c.shape.height; ++y)
        for (int64_t x = 0; x < c.shape.width; ++x)
          for (int64_t i = 0; i < c.shape.in; ++i) {
            const int64_t pixel = (b * (c.shape.height / half) + y / half) * (c.shape.width / half) + x / half;
            double v = i < first ? maps[0][pixel * first + i] : maps[1][pixel * (c.shape.in - first) + i - first];
            if (c.norm) v = v * scale[b * c.shape.in + i] + shift[b * c.shape.in + i];
            read.push_back(c.silu ? v / (1 + std::exp(-v)) : v);
          }
  }

  Conv2d problem(const Case& c, float* y, double* sums) const {
    Conv2d p{.shape = shape, .x = reading, .weight = {stored.data(), c.dtype}, .bias = bias.data(), .y = y};
    if (!c.all) return p;
    p.offset = offset.data();
    p.add = add.data();
    p.sums = sums;
    return p;
  }

  ConvShape shape;
  std::vector<float> maps[2], scale, shift, bias, offset, add, weight;
  std::vector<uint8_t> stored;
  MapReading reading;
  std::vector<double> read;  // [B, H, W, in]
};

/// Calls body(input pixel, output pixel, tap) for all pairs that meet.
template <class Body>
void for_pairs(const ConvShape& s, const Body& body) {
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t y = 0; y < s.height; ++y)
      for (int64_t x = 0; x < s.width; ++x)
        for (int64_t tap = 0; tap < 9; ++tap) {
          const int64_t v = y + tap / 3 - 1, u = x + tap % 3 - 1;
          if (v < 0 || u < 0 || v >= s.height || u >= s.width) continue;
          body((b * s.height + v) * s.width + u, (b * s.height + y) * s.width + x, tap);
        }
}

void expect_close(const std::vector<float>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  double error = 0, total = 0, worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = found[i] - expected[i];
    error += difference * difference;
    total += expected[i] * expected[i];
    worst = std::max(worst, std::isfinite(found[i]) ? std::abs(difference) : INFINITY);
  }
  const double count = double(found.size());
  EXPECT_LE(std::sqrt(error / total), kRmsError);
  EXPECT_LE(worst / std::sqrt(total / count), kWorstError);
}

template <class Body>
void for_each_vector_isa(const Body& body) {
  testing::for_each_isa([&] {
    if (isa() != Isa::scalar) body();
  });
}

class Winograd : public ::testing::TestWithParam<Case> {};

TEST_P(Winograd, ForwardIsTheConvolutionInF64) {
  const Case& c = GetParam();
  const Operands o(c);
  const int64_t pixels = c.shape.batch * c.shape.height * c.shape.width;
  std::vector<double> expected(pixels * c.shape.out);
  for_pairs(o.shape, [&](int64_t from, int64_t to, int64_t tap) {
    for (int64_t n = 0; n < c.shape.out; ++n) {
      double sum = 0;
      for (int64_t k = 0; k < c.shape.in; ++k)
        sum += o.read[from * c.shape.in + k] * o.weight[(n * c.shape.in + k) * 9 + tap];
      expected[to * c.shape.out + n] += sum;
    }
  });
  for (int64_t i = 0; i < pixels * c.shape.out; ++i) {
    expected[i] += o.bias[i % c.shape.out];
    if (c.all)
      expected[i] +=
          o.offset[i / c.shape.out / (c.shape.height * c.shape.width) * c.shape.out + i % c.shape.out] + o.add[i];
  }
  for_each_vector_isa([&] {
    std::vector<float> y(pixels * c.shape.out, NAN);
    std::vector<double> sums(c.shape.batch * c.shape.out * 2, NAN);
    winograd_forward(o.problem(c, y.data(), sums.data()));
    expect_close(y, expected);
    if (!c.all) return;
    // Sums of up to 256 values are f32: 256 roundings at most.
    for (int64_t b = 0; b < c.shape.batch; ++b)
      for (int64_t n = 0; n < c.shape.out; ++n) {
        double sum = 0, absolute = 0, squares = 0;
        for (int64_t i = 0; i < c.shape.height * c.shape.width; ++i) {
          const double v = y[(b * c.shape.height * c.shape.width + i) * c.shape.out + n];
          sum += v;
          absolute += std::abs(v);
          squares += v * v;
        }
        EXPECT_NEAR(sums[(b * c.shape.out + n) * 2], sum, 128 * testing::kEpsilon * absolute);
        EXPECT_NEAR(sums[(b * c.shape.out + n) * 2 + 1], squares, 128 * testing::kEpsilon * squares);
      }
    // In place of what is added.
    std::vector<float> over = o.add;
    Conv2d p = o.problem(c, over.data(), sums.data());
    p.add = over.data();
    winograd_forward(p);
    EXPECT_EQ(over, y);
  });
}

TEST_P(Winograd, ForwardHasTheSameBitsForAnyThreadsAndBatch) {
  const Case& c = GetParam();
  const Operands o(c);
  const int64_t map = c.shape.height * c.shape.width * c.shape.out;
  for_each_vector_isa([&] {
    std::vector<float> y(c.shape.batch * map);
    std::vector<double> sums(c.shape.batch * c.shape.out * 2);
    testing::expect_same_bits_for_any_threads([&] {
      winograd_forward(o.problem(c, y.data(), sums.data()));
      std::vector<float> all = y;
      if (c.all) all.insert(all.end(), sums.begin(), sums.end());
      return all;
    });
    const int64_t area = c.shape.height * c.shape.width / (c.doubled ? 4 : 1);
    for (int64_t b = 0; b < c.shape.batch; ++b) {
      std::vector<float> alone(map);
      std::vector<double> alone_sums(c.shape.out * 2);
      Conv2d p = o.problem(c, alone.data(), alone_sums.data());
      p.shape.batch = 1;
      p.x.first += b * area * p.x.first_channels;
      if (p.x.second) p.x.second += b * area * (c.shape.in - c.seam);
      if (c.norm) p.x.scale += b * c.shape.in, p.x.shift += b * c.shape.in;
      if (c.all) p.offset += b * c.shape.out, p.add += b * map;
      winograd_forward(p);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), y.begin() + b * map));
      if (c.all) {
        EXPECT_TRUE(std::equal(alone_sums.begin(), alone_sums.end(), sums.begin() + b * c.shape.out * 2));
      }
    }
  });
}

TEST_P(Winograd, DataGradientIsThatOfF64) {
  const Case& c = GetParam();
  const Operands o(c);
  const std::vector<float> dy = noise("dy", c.shape.batch * c.shape.height * c.shape.width * c.shape.out);
  std::vector<double> expected(c.shape.batch * c.shape.height * c.shape.width * c.shape.in);
  for_pairs(o.shape, [&](int64_t from, int64_t to, int64_t tap) {
    for (int64_t n = 0; n < c.shape.out; ++n)
      for (int64_t k = 0; k < c.shape.in; ++k)
        expected[from * c.shape.in + k] += double(dy[to * c.shape.out + n]) * o.weight[(n * c.shape.in + k) * 9 + tap];
  });
  for_each_vector_isa([&] {
    std::vector<float> dx(expected.size(), NAN);
    winograd_data_gradient(o.shape, {o.stored.data(), c.dtype}, dy.data(), dx.data());
    expect_close(dx, expected);
  });
}

TEST_P(Winograd, WeightGradientIsThatOfF64) {
  const Case& c = GetParam();
  const Operands o(c);
  const std::vector<float> dy = noise("dy", c.shape.batch * c.shape.height * c.shape.width * c.shape.out);
  std::vector<double> expected(c.shape.out * c.shape.in * 9), expected_bias(c.shape.out);
  for (size_t i = 0; i < dy.size(); ++i) expected_bias[i % c.shape.out] += dy[i];
  for_pairs(o.shape, [&](int64_t from, int64_t to, int64_t tap) {
    for (int64_t n = 0; n < c.shape.out; ++n)
      for (int64_t k = 0; k < c.shape.in; ++k)
        expected[(n * c.shape.in + k) * 9 + tap] += dy[to * c.shape.out + n] * o.read[from * c.shape.in + k];
  });
  for_each_vector_isa([&] {
    std::vector<float> dweight(expected.size(), NAN), dbias(c.shape.out, NAN);
    winograd_weight_gradient(o.shape, o.reading, dy.data(), dweight.data(), dbias.data());
    expect_close(dweight, expected);
    expect_close(dbias, expected_bias);
    testing::expect_same_bits_for_any_threads([&] {
      std::vector<float> again(expected.size());
      winograd_weight_gradient(o.shape, o.reading, dy.data(), again.data(), nullptr);
      EXPECT_EQ(again, dweight);
      return again;
    });
    std::vector<float> bias_alone(c.shape.out);
    winograd_weight_gradient(o.shape, o.reading, dy.data(), nullptr, bias_alone.data());
    EXPECT_EQ(bias_alone, dbias);
  });
}

INSTANTIATE_TEST_SUITE_P(
    , Winograd,
    ::testing::Values(
        Case{.name = "plain", .shape = {2, 16, 16, 32, 32}},  //
        Case{.name = "one_pixel", .shape = {2, 1, 1, 32, 32}},
        Case{.name = "one_column", .shape = {3, 9, 1, 8, 16}, .dtype = DType::f16},
        Case{.name = "odd", .shape = {3, 13, 9, 37, 41}, .seam = 5, .norm = true, .silu = true, .all = true},
        Case{.name = "two_channels", .shape = {1, 6, 7, 2, 3}, .seam = 1, .all = true},
        Case{.name = "doubled", .shape = {2, 18, 22, 33, 65}, .seam = 17, .doubled = true, .norm = true, .all = true},
        Case{.name = "wide_picture", .shape = {1, 5, 150, 16, 48}, .silu = true, .all = true, .dtype = DType::bf16},
        Case{.name = "many_pictures", .shape = {13, 8, 8, 48, 48}, .norm = true, .silu = true, .all = true},
        Case{.name = "two_depths", .shape = {2, 12, 20, 200, 80}, .seam = 120, .all = true, .dtype = DType::q8_0},
        // Alone, a picture of these takes the other schedule than the batch.
        Case{.name = "both_schedules", .shape = {3, 36, 40, 168, 24}, .norm = true, .all = true},
        Case{.name = "two_chunks", .shape = {3, 40, 28, 200, 20}, .all = true, .dtype = DType::f16},
        Case{.name = "many_tiles", .shape = {1, 130, 130, 9, 8}, .silu = true},
        Case{.name = "wide", .shape = {2, 8, 8, 320, 352}, .norm = true, .all = true, .dtype = DType::f16}),
    name_of);

}  // namespace
}  // namespace calotype::kernels

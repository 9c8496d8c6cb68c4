// Convolutions: forward with norm, SiLU, bias and residual fused and f16 weights as in a file, and both gradients.
#include "kernels/conv2d.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <sstream>

#include "base/isa.h"
#include "measure.h"

namespace calotype::bench {
namespace {

using kernels::ConvShape;

ConvShape shape_of(const std::vector<std::string>& fields) {
  ConvShape s{};
  std::stringstream(fields.at(1)) >> s.batch >> s.height >> s.width;
  std::stringstream(fields.at(2)) >> s.in >> s.out;
  std::stringstream(fields.at(3)) >> s.kernel >> s.stride;
  s.top = s.bottom = s.left = s.right = s.kernel / 2;
  return s;
}

const char* choice(const std::vector<kernels::KernelChoice>& list) {
  for (const kernels::KernelChoice& entry : list)
    if (!entry.declined) return entry.name;
  return "?";
}

void run(const std::string& name, const ConvShape& s, double seconds) {
  constexpr int kSamples = 100;
  const int64_t taps = s.kernel * s.kernel, out_height = s.out_height(), out_width = s.out_width();
  const int64_t pixels = s.batch * out_height * out_width;
  const bool fused = s.in >= 16 && s.kernel == 3 && s.stride == 1;  // others read plain maps in the models
  const std::vector<float> x = random_floats(s.batch * s.height * s.width * s.in, 1), bias = random_floats(s.out, 2),
                           dy = random_floats(pixels * s.out, 3), scale = random_floats(s.batch * s.in, 6),
                           shift = random_floats(s.batch * s.in, 7), add = random_floats(pixels * s.out, 8);
  std::vector<float> wide =
      random_floats(s.out * s.in * taps, 4, 1 / std::sqrt(static_cast<float>(std::max<int64_t>(1, s.in * taps))));
  std::vector<Float16> halves;
  for (float& w : wide) {
    halves.push_back(to_float16(w));
    w = to_float(halves.back());
  }
  std::vector<float> y(pixels * s.out), dx(x.size()), dweight(wide.size()), dbias(s.out);
  std::vector<double> sums(s.batch * s.out * 2);
  const double operations = 2.0 * static_cast<double>(pixels * s.out) * static_cast<double>(s.in * taps);
  std::minstd_rand engine(5);
  const auto pick = [&](int64_t count) { return static_cast<int64_t>(engine()) % count; };

  kernels::MapReading reading{.first = x.data(), .first_channels = s.in};
  if (fused) {
    reading.scale = scale.data();
    reading.shift = shift.data();
    reading.silu = true;
  }
  const auto read = [&](int64_t b, int64_t v, int64_t u, int64_t c) -> double {
    if (v < 0 || u < 0 || v >= s.height || u >= s.width) return 0;
    const double value = x[((b * s.height + v) * s.width + u) * s.in + c];
    if (!fused) return value;
    const double normal = value * scale[b * s.in + c] + shift[b * s.in + c];
    return normal / (1 + std::exp(-normal));
  };

  const Rate forward = measure(seconds, operations, [&] {
    kernels::conv2d({.shape = s,
                     .x = reading,
                     .weight = {halves.data(), DType::f16},
                     .bias = bias.data(),
                     .add = add.data(),
                     .y = y.data(),
                     .sums = sums.data()});
  });
  Sampled forward_error;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t b = pick(s.batch), v = pick(out_height), u = pick(out_width), o = pick(s.out);
    const int64_t at = ((b * out_height + v) * out_width + u) * s.out + o;
    double expected = double(bias[o]) + add[at];
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < s.in; ++c)
        expected += read(b, v * s.stride + tap / s.kernel - s.top, u * s.stride + tap % s.kernel - s.left, c) *
                    wide[(o * s.in + c) * taps + tap];
    forward_error.add(y[at], expected);
  }

  const Rate data = measure(seconds, operations,
                            [&] { kernels::conv2d_data_gradient(s, {wide.data(), DType::f32}, dy.data(), dx.data()); });
  Sampled data_error;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t b = pick(s.batch), v = pick(s.height), u = pick(s.width), c = pick(s.in);
    double expected = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t down = v + s.top - tap / s.kernel, across = u + s.left - tap % s.kernel;
      if (down < 0 || across < 0 || down % s.stride || across % s.stride) continue;
      if (down / s.stride >= out_height || across / s.stride >= out_width) continue;
      const int64_t pixel = (b * out_height + down / s.stride) * out_width + across / s.stride;
      for (int64_t o = 0; o < s.out; ++o) expected += double(dy[pixel * s.out + o]) * wide[(o * s.in + c) * taps + tap];
    }
    data_error.add(dx[((b * s.height + v) * s.width + u) * s.in + c], expected);
  }

  const Rate weight = measure(seconds, operations, [&] {
    kernels::conv2d_weight_gradient(s, reading, dy.data(), dweight.data(), dbias.data());
  });
  Sampled weight_error;
  for (int i = 0; i < 20; ++i) {
    const int64_t o = pick(s.out), c = pick(s.in), tap = pick(taps);
    double expected = 0;
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      expected += dy[pixel * s.out + o] * read(pixel / out_width / out_height,
                                               pixel / out_width % out_height * s.stride + tap / s.kernel - s.top,
                                               pixel % out_width * s.stride + tap % s.kernel - s.left, c);
    weight_error.add(dweight[(o * s.in + c) * taps + tap], expected);
  }
  fmt::print("{:<16} {:>2} {:>3}x{:<3} {:>4}->{:<4} {}/{} |{} {:<8}|{} {:<8}|{} {:<8}\n", name, s.batch, s.height,
             s.width, s.in, s.out, s.kernel, s.stride, column(forward, forward_error.error()),
             choice(conv2d_choices(s)), column(data, data_error.error()), choice(conv2d_data_gradient_choices(s)),
             column(weight, weight_error.error()), choice(conv2d_weight_gradient_choices(s)));
  std::fflush(stdout);
}

}  // namespace
}  // namespace calotype::bench

int main(int argc, char** argv) {
  using namespace calotype;
  const std::string heading = fmt::format(" by direct arithmetic, kernel\n{:>42} |{:^31}|{:^31}|{:^31}", "", "forward",
                                          "data gradient", "weight gradient");
  return bench::run_shapes(argc, argv, "Convolutions", "conv2d", heading, [](const auto& fields, double seconds) {
    bench::run(fields[0], bench::shape_of(fields), seconds);
  });
}

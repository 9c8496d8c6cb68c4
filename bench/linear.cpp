// Linear layers: forward with f16 weights as in a file (in bf16 where the instruction set has its
// products), and both gradients (in f32).
#include "kernels/linear.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <sstream>

#include "base/isa.h"
#include "measure.h"

namespace calotype::bench {
namespace {

using kernels::Activation;

struct Layer {
  std::string name;
  int64_t rows, in, out;
  Activation activation;
};

Layer layer_of(const std::vector<std::string>& fields) {
  Layer layer{fields.at(0), 0, 0, 0, Activation::none};
  std::stringstream(fields.at(1)) >> layer.rows >> layer.in >> layer.out;
  std::string activation;
  std::stringstream(fields.at(2)) >> activation;
  if (activation == "silu") layer.activation = Activation::silu;
  if (activation == "gelu") layer.activation = Activation::gelu;
  if (activation == "geglu") layer.activation = Activation::geglu;
  return layer;
}

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
}

void run(const Layer& layer, double seconds) {
  constexpr int kSamples = 200;
  const auto [name, rows, in, out, activation] = layer;
  const int64_t width = activation == Activation::geglu ? 2 * out : out;
  const std::vector<float> x = random_floats(rows * in, 1), bias = random_floats(width, 2),
                           dy = random_floats(rows * width, 3);
  std::vector<float> wide = random_floats(width * in, 4, 1 / std::sqrt(static_cast<float>(in)));
  std::vector<Float16> halves;
  for (float& w : wide) {
    halves.push_back(to_float16(w));
    w = to_float(halves.back());
  }
  std::vector<float> y(rows * out), dx(rows * in), dweight(width * in), dbias(width);
  const double operations = 2.0 * static_cast<double>(rows) * static_cast<double>(in) * static_cast<double>(width);
  std::minstd_rand engine(5);
  const auto pick = [&](int64_t count) { return static_cast<int64_t>(engine()) % count; };

  const Rate forward = measure(
      seconds, operations,
      [&] {
        kernels::Linear p{.rows = rows,
                          .in = in,
                          .out = out,
                          .x = x.data(),
                          .norm = {},
                          .weight = {halves.data(), DType::f16},
                          .bias = bias.data(),
                          .y = y.data()};
        p.activation = activation;
        p.precision = kernels::Precision::bf16;
        kernels::linear(p);
      },
      kernels::Precision::bf16);
  Sampled forward_error;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t r = pick(rows), o = pick(out);
    const auto sum = [&](int64_t column) {
      double total = bias[column];
      for (int64_t k = 0; k < in; ++k) total += double(x[r * in + k]) * wide[column * in + k];
      return total;
    };
    double expected = sum(o);
    if (activation == Activation::silu) expected /= 1 + std::exp(-expected);
    if (activation == Activation::gelu) expected = gelu(expected);
    if (activation == Activation::geglu) expected *= gelu(sum(out + o));
    forward_error.add(y[r * out + o], expected);
  }

  const Rate data = measure(seconds, operations, [&] {
    kernels::linear_data_gradient(
        {.rows = rows, .in = in, .out = width, .dy = dy.data(), .weight = {wide.data(), DType::f32}, .dx = dx.data()});
  });
  Sampled data_error;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t r = pick(rows), k = pick(in);
    double expected = 0;
    for (int64_t o = 0; o < width; ++o) expected += double(dy[r * width + o]) * wide[o * in + k];
    data_error.add(dx[r * in + k], expected);
  }

  const Rate weight = measure(seconds, operations, [&] {
    kernels::linear_weight_gradient({.rows = rows,
                                     .in = in,
                                     .out = width,
                                     .dy = dy.data(),
                                     .x = x.data(),
                                     .dweight = dweight.data(),
                                     .dbias = dbias.data()});
  });
  Sampled weight_error;
  for (int i = 0; i < kSamples; ++i) {
    const int64_t o = pick(width), k = pick(in);
    double expected = 0;
    for (int64_t r = 0; r < rows; ++r) expected += double(dy[r * width + o]) * x[r * in + k];
    weight_error.add(dweight[o * in + k], expected);
  }
  fmt::print("{:<24} {:>5} {:>5} {:>5} |{} |{} |{}\n", name, rows, in, width, column(forward, forward_error.error()),
             column(data, data_error.error()), column(weight, weight_error.error()));
  std::fflush(stdout);
}

}  // namespace
}  // namespace calotype::bench

int main(int argc, char** argv) {
  using namespace calotype;
  const std::string heading = fmt::format("\n{:<24} {:>5} {:>5} {:>5} |{:^22}|{:^22}|{:^22}", "", "rows", "in", "out",
                                          "forward", "data gradient", "weight gradient");
  return bench::run_shapes(argc, argv, "Linear layers", "linear", heading,
                           [](const auto& fields, double seconds) { bench::run(bench::layer_of(fields), seconds); });
}

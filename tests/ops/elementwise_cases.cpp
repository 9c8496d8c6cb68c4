#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/combine.h"
#include "ops/gradient_cases.h"
#include "ops/linear.h"
#include "ops/reduce.h"

namespace calotype::testing {

std::vector<GradientCase> elementwise_cases() {
  using Inputs = const std::vector<Tensor>&;
  const Tensor x = noise_tensor("x", {3, 2, 5}, 2), y = noise_tensor("y", {3, 2, 5});
  const Tensor one = noise_tensor("one", {1, 2, 5}), rows = noise_tensor("rows", {5});
  const Tensor map = noise_tensor("map", {2, 3, 2, 5});
  const std::vector<double> factors{0.5, -2, 3};
  return {
      {"gelu", [](Inputs in) { return gelu(in[0]); }, {x}},
      {"activated", [](Inputs in) { return activated(in[0], Activation::gelu); }, {x}},
      {"quick_gelu", [](Inputs in) { return quick_gelu(in[0]); }, {x}},
      {"geglu", [](Inputs in) { return geglu(in[0]); }, {noise_tensor("x", {3, 2, 6})}},
      {"sigmoid", [](Inputs in) { return sigmoid(in[0]); }, {x}},
      {"relu", [](Inputs in) { return relu(in[0]); }, {x}},
      {"leaky_relu", [](Inputs in) { return leaky_relu(in[0]); }, {x}},
      {"tanh", [](Inputs in) { return tanh(in[0]); }, {x}},
      {"tanh_clamp", [](Inputs in) { return tanh_clamp(in[0]); }, {x}},
      {"operator+", [](Inputs in) { return in[0] + in[1]; }, {x, y}},
      {"operator+", [](Inputs in) { return in[0] + in[1]; }, {one, y}},
      {"operator+", [](Inputs in) { return in[0] + 2.5; }, {x}},
      {"operator-", [](Inputs in) { return in[0] - in[1]; }, {x, y}},
      {"operator-", [](Inputs in) { return in[0] - in[1]; }, {x, one}},
      {"operator*", [](Inputs in) { return in[0] * in[1]; }, {x, y}},
      {"operator*", [](Inputs in) { return in[0] * in[1]; }, {x, one}},
      {"operator*", [](Inputs in) { return 3.0 * in[0]; }, {x}},
      {"affine", [](Inputs in) { return affine(in[0], -0.7, 0.3); }, {x}},
      {"scale_pictures", [=](Inputs in) { return scale_pictures(in[0], factors); }, {x}},
      {"combine", [=](Inputs in) { return combine({{-0.7, in[0]}, {factors, in[1]}}); }, {x, y}},
      {"exp", [](Inputs in) { return exp(in[0]); }, {x}},
      {"add_row", [](Inputs in) { return add_row(in[0], in[1]); }, {x, rows}},
      {"repeat", [](Inputs in) { return repeat(in[0], 3); }, {x}},
      {"sum", [](Inputs in) { return sum(in[0]); }, {x}},
      {"mean", [](Inputs in) { return mean(in[0]); }, {x}},
      {"mean_per_picture", [](Inputs in) { return mean_per_picture(in[0]); }, {x}},
      {"mean_over_pixels", [](Inputs in) { return mean_over_pixels(in[0]); }, {map}},
  };
}

}  // namespace calotype::testing

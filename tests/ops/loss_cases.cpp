#include "ops/depth_losses.h"
#include "ops/gradient_cases.h"
#include "ops/losses.h"
#include "ops/slope.h"

namespace calotype::testing {

std::vector<GradientCase> loss_cases() {
  using Inputs = const std::vector<Tensor>&;
  const Tensor p = noise_tensor("p", {3, 4, 2}), y = noise_tensor("y", {3, 4, 2}), n = noise_tensor("n", {3, 4, 2});
  const Tensor a = noise_tensor("a", {4, 5}), b = noise_tensor("b", {4, 5});
  const Tensor d = noise_tensor("d", {2, 5, 6}), truth = noise_tensor("truth", {2, 5, 6});
  const std::vector<double> weights{0.5, 2, 1};
  const std::vector<int32_t> classes{4, 0, 0, 2};
  Tensor valid = Tensor::full({2, 5, 6}, 1, DType::f64), between = Tensor::empty({4, 5}, DType::f64);
  for (int64_t i = 0; i < valid.count(); i += 7) valid.edit<double>()[i] = 0;
  for (int64_t i = 0; i < between.count(); ++i) between.edit<double>()[i] = double(i) / 32;
  // Masks and targets take the type of what they stand beside.
  struct Constant {
    Tensor wide, narrow;
    explicit Constant(const Tensor& x) : wide(x), narrow(narrowed(x)) {}
    const Tensor& like(const Tensor& x) const { return x.dtype() == DType::f64 ? wide : narrow; }
  };
  const Constant mask(valid), target(between);
  return {
      {"mean_squared_error", [](Inputs in) { return mean_squared_error(in[0], in[1]); }, {p, y}},
      {"mean_squared_error", [=](Inputs in) { return mean_squared_error(in[0], in[1], weights); }, {p, y}},
      {"mean_absolute_error", [](Inputs in) { return mean_absolute_error(in[0], in[1]); }, {p, y}},
      {"huber", [](Inputs in) { return huber(in[0], in[1], 0.1); }, {p, y}},
      {"reparametrise", [](Inputs in) { return reparametrise(in[0], in[1], in[2]); }, {p, y, n}},
      {"gaussian_divergence", [](Inputs in) { return gaussian_divergence(in[0], in[1]); }, {p, y}},
      {"mean_absolute_slope",
       [](Inputs in) { return mean_absolute_slope(in[0]); },
       {noise_tensor("map", {2, 3, 4, 2})}},
      {"cross_entropy", [=](Inputs in) { return cross_entropy(in[0], classes); }, {a}},
      {"contrastive",
       [](Inputs in) { return contrastive(in[0], in[1], in[2]); },
       {a, b, noise_tensor("scale", {}, 0.1, 2)}},
      {"one_minus_cosine", [](Inputs in) { return one_minus_cosine(in[0], in[1]); }, {a, b}},
      {"hinge_discriminator", [](Inputs in) { return hinge_discriminator(in[0], in[1]); }, {p, y}},
      {"hinge_generator", [](Inputs in) { return hinge_generator(in[0]); }, {p}},
      {"binary_cross_entropy", [=](Inputs in) { return binary_cross_entropy(in[0], target.like(in[0])); }, {a}},
      {"align_by_median", [=](Inputs in) { return align_by_median(in[0], mask.like(in[0])); }, {d}},
      {"ssi_mse", [=](Inputs in) { return ssi_mse(in[0], in[1], mask.like(in[0])); }, {d, truth}},
      {"ssi_trimmed", [=](Inputs in) { return ssi_trimmed(in[0], in[1], mask.like(in[0])); }, {d, truth}},
      {"gradient_matching", [=](Inputs in) { return gradient_matching(in[0], in[1], mask.like(in[0])); }, {d, truth}},
  };
}

}  // namespace calotype::testing

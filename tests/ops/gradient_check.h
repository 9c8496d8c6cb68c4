#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace calotype::testing {

/// An op at one set of inputs.
struct GradientCase {
  std::string name;  // as its header declares it
  std::function<Tensor(const std::vector<Tensor>&)> op;
  std::vector<Tensor> inputs;  // f64, of values that f32 holds
  /// Relative L2 distance of f32 from f64, of the result and of every gradient: a few hundred roundings.
  double tolerance = 5e-6;
};

/// f64 gradients against central differences; f32 results and gradients against f64 on every instruction set; then
/// that a gradient does not depend on which others are wanted, and that measuring touches no bytes.
void check_gradient(const GradientCase& c);

/// Noise of unit variance in f64, the same for the same name; f32 holds its values.
Tensor noise_tensor(const std::string& name, Shape shape, double scale = 1, double offset = 0);

Tensor narrowed(const Tensor& x);  // to f32

/// ‖a - b‖ / ‖b‖, ‖a‖ where b is zero; infinite where a value is no number. f32 or f64 each.
double distance(const Tensor& a, const Tensor& b);

}  // namespace calotype::testing

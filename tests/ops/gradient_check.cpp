#include "ops/gradient_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/formula.h"
#include "kernels/testing.h"
#include "tensor/backward.h"

namespace calotype::testing {
namespace {

double at(const Tensor& x, int64_t i) {
  return x.dtype() == DType::f64 ? x.view<double>()[i] : double(x.view<float>()[i]);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         std::memcmp(a.data(), b.data(), bytes_of(a.dtype(), a.count())) == 0;
}

/// The incoming gradient: noise, so that no row or column cancels.
Tensor incoming(const Tensor& y) {
  const Tensor wide = noise_tensor("dy", y.shape());
  return y.dtype() == DType::f64 ? wide : narrowed(wide);
}

struct Result {
  Tensor y;
  std::vector<Tensor> gradients;
};

/// Trains the inputs for which wanted(i).
Result run(const GradientCase& c, const std::vector<Tensor>& inputs, const std::function<bool(size_t)>& wanted) {
  std::vector<Tensor> leaves;
  for (size_t i = 0; i < inputs.size(); ++i) leaves.push_back(wanted(i) ? inputs[i].trainable() : inputs[i]);
  Result result{.y = c.op(leaves), .gradients = {}};
  EXPECT_TRUE(result.y.tracked());
  const Gradients gradients = backward(result.y, incoming(result.y));
  for (size_t i = 0; i < inputs.size(); ++i) {
    result.gradients.push_back(wanted(i) ? gradients.of(leaves[i]) : Tensor());
    if (!wanted(i)) continue;
    EXPECT_TRUE(result.gradients[i]) << "input " << i << " has no gradient";
    if (!result.gradients[i]) continue;
    EXPECT_EQ(result.gradients[i].shape(), inputs[i].shape()) << "input " << i;
    EXPECT_EQ(result.gradients[i].dtype(), inputs[i].dtype()) << "input " << i;
  }
  return result;
}

double weighted_sum(const GradientCase& c, const std::vector<Tensor>& inputs) {
  const NoGrad no_history;
  const Tensor y = c.op(inputs), dy = incoming(y);
  double sum = 0;
  for (int64_t i = 0; i < y.count(); ++i) sum += at(y, i) * at(dy, i);
  return sum;
}

/// Central differences err by step² f''' and by roundings / step, both near 1e-10 of the values here.
void check_differences(const GradientCase& c, const std::vector<Tensor>& gradients) {
  for (size_t input = 0; input < c.inputs.size(); ++input) {
    if (!gradients[input]) continue;
    std::vector<Tensor> inputs = c.inputs;
    inputs[input] = inputs[input].clone();
    Tensor numeric = Tensor::empty(c.inputs[input].shape(), DType::f64);
    for (int64_t i = 0; i < numeric.count(); ++i) {
      constexpr double kStep = 1e-5;
      const double before = at(inputs[input], i);
      inputs[input].edit<double>()[i] = before + kStep;
      const double above = weighted_sum(c, inputs);
      inputs[input].edit<double>()[i] = before - kStep;
      const double below = weighted_sum(c, inputs);
      inputs[input].edit<double>()[i] = before;
      numeric.edit<double>()[i] = (above - below) / (2 * kStep);
    }
    EXPECT_LE(distance(gradients[input], numeric), 1e-7) << "input " << input << " against central differences";
  }
}

void check_narrow(const GradientCase& c, const std::vector<Tensor>& narrow, const Result& wide) {
  const Result all = run(c, narrow, [](size_t) { return true; });
  EXPECT_LE(distance(all.y, wide.y), c.tolerance) << "f32 result";
  for (size_t i = 0; i < narrow.size(); ++i) {
    ASSERT_TRUE(all.gradients[i] && wide.gradients[i]);
    EXPECT_LE(distance(all.gradients[i], wide.gradients[i]), c.tolerance) << "f32 input " << i;
  }
  for (size_t only = 0; only < narrow.size(); ++only) {
    const Result one = run(c, narrow, [only](size_t i) { return i == only; });
    ASSERT_TRUE(one.gradients[only]);
    EXPECT_TRUE(same_bits(one.gradients[only], all.gradients[only])) << "input " << only << " alone";
  }
  const Tensor untracked = c.op(narrow);
  EXPECT_FALSE(untracked.tracked());
  // An activation folded into a product may round otherwise than one made of what the gradient needs.
  EXPECT_LE(distance(untracked, wide.y), c.tolerance) << "without history";
}

}  // namespace

void check_gradient(const GradientCase& c) {
  SCOPED_TRACE(c.name);
  const Result wide = run(c, c.inputs, [](size_t) { return true; });
  check_differences(c, wide.gradients);
  std::vector<Tensor> narrow;
  for (const Tensor& input : c.inputs) narrow.push_back(narrowed(input));
  for_each_isa([&] { check_narrow(c, narrow, wide); });

  const Measuring no_bytes;
  std::vector<Tensor> hollow;
  for (const Tensor& input : narrow) hollow.push_back(Tensor::empty(input.shape()));
  const Result measured = [&] {
    std::vector<Tensor> leaves;
    for (const Tensor& input : hollow) leaves.push_back(input.trainable());
    Result result{.y = c.op(leaves), .gradients = {}};
    const Gradients gradients = backward(result.y, Tensor::empty(result.y.shape()));
    for (const Tensor& leaf : leaves) result.gradients.push_back(gradients.of(leaf));
    return result;
  }();
  EXPECT_EQ(measured.y.shape(), wide.y.shape());
  for (const Tensor& gradient : measured.gradients) EXPECT_TRUE(gradient) << "while measuring";
}

Tensor noise_tensor(const std::string& name, Shape shape, double scale, double offset) {
  std::vector<float> values(shape.count());
  fill_formula_noise(name, values);
  Tensor result = Tensor::empty(shape, DType::f64);
  const auto out = result.edit<double>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = double(float(double(values[i]) * scale + offset));
  return result;
}

Tensor narrowed(const Tensor& x) {
  Tensor result = Tensor::empty(x.shape());
  const auto out = result.edit<float>();
  for (size_t i = 0; i < out.size(); ++i) out[i] = float(at(x, int64_t(i)));
  return result;
}

double distance(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.count(), b.count());
  if (a.count() != b.count()) return INFINITY;
  double off = 0, length = 0;
  for (int64_t i = 0; i < a.count(); ++i) {
    if (!std::isfinite(at(a, i))) return INFINITY;
    off += (at(a, i) - at(b, i)) * (at(a, i) - at(b, i));
    length += at(b, i) * at(b, i);
  }
  return length > 0 ? std::sqrt(off / length) : std::sqrt(off);
}

}  // namespace calotype::testing

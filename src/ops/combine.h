#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// A factor for a whole batch, or one for each picture.
class Weight {
 public:
  Weight(double value) : values_{value} {}
  Weight(std::vector<double> by_picture) : values_(std::move(by_picture)) {}
  double of(size_t picture) const { return values_[values_.size() == 1 ? 0 : picture]; }
  size_t size() const { return values_.size(); }

 private:
  std::vector<double> values_;
};

struct Term {
  Weight weight;
  Tensor tensor;
};

/// The weighted sum of one to six tensors of one shape, f32 or f64: nearly all arithmetic of samplers. Every element is
/// computed in double precision and rounded once, so neither instruction set nor threads leave a trace. Differentiable.
/// Weights by picture are as many as the first axis has entries.
Tensor combine(std::initializer_list<Term> terms);

/// Every element moved into [-limit, limit]; any shape, f32 or f64. It has no gradient, and says so when one is asked
/// for: samplers use it, no loss does.
Tensor clamped(const Tensor& x, double limit);

/// The standard deviation of each picture over all axes but the first, with n - 1, summed in f64: [B, ...] -> B
/// numbers. 0 for a picture of one element. Plain numbers have no history: throws `internal` where x is tracked.
std::vector<double> deviations(const Tensor& x);

/// How far two results of a step are apart beside what is tolerated: the root mean square over all elements of
/// (a - b) / max(absolute, relative * max(|a|, |before|)). Of one shape, f32 or f64, summed in f64. A plain number:
/// throws `internal` where one of them is tracked.
double relative_rms(const Tensor& a, const Tensor& b, const Tensor& before, double relative, double absolute);

}  // namespace calotype

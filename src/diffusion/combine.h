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

/// The weighted sum of one to six tensors of one shape, f32 or f64: nearly all arithmetic of samplers. Computed in
/// double precision and rounded once, so neither order nor instruction set leaves a trace. Differentiable. Weights by
/// picture are as many as the first axis has entries.
Tensor combine(std::initializer_list<Term> terms);

}  // namespace calotype

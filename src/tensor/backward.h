#pragma once

#include <map>

#include "tensor/history.h"

namespace calotype {

/// Gradients by parameter, as `backward` found them.
class Gradients {
 public:
  /// The gradient of a trainable tensor; none when the loss does not depend on it.
  Tensor of(const Tensor& parameter) const;
  /// Adds to what is there.
  void add(const std::shared_ptr<Node>& leaf, Tensor gradient);
  /// Takes one out: none if it is not there.
  Tensor take(const Tensor& parameter);
  const std::map<std::shared_ptr<Node>, Tensor>& by_leaf() const { return by_leaf_; }

 private:
  std::map<std::shared_ptr<Node>, Tensor> by_leaf_;
};

/// The gradients of a tracked loss of one element by every trainable tensor it depends on. History is freed as it is
/// walked: a second walk throws. Refuses an input that was edited since it was recorded.
Gradients backward(const Tensor& loss);

/// The same from any tracked y and the gradient by it.
Gradients backward(const Tensor& y, Tensor dy);

/// Adds to the result of the walk in progress on this thread: for an op whose backward is a walk of its own.
void report_to_walk(const Gradients& gradients);

}  // namespace calotype

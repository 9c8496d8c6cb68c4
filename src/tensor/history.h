#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "tensor/allocator.h"
#include "tensor/tensor.h"

namespace calotype {

/// The gradients of an op's inputs, in their order; a tensor that is none means zero or not wanted.
using Grads = std::vector<Tensor>;

/// Which inputs need a gradient.
class Wanted {
 public:
  explicit Wanted(const Node& node) : node_(node) {}
  bool operator[](size_t input) const;

 private:
  const Node& node_;
};

using Backward = std::function<Grads(const Tensor& dy, Wanted wanted)>;

/// One step of a computation: how the gradient of its result becomes the gradients of its inputs.
class Node {
 public:
  const char* name = "";
  uint64_t order = 0;                         // later nodes have greater numbers
  std::vector<std::shared_ptr<Node>> inputs;  // null where an input is not tracked
  Backward backward;                          // empty in a leaf, and once it was walked
  bool leaf = false;
  struct Seen {
    std::weak_ptr<Storage> storage;
    uint64_t version;
  };
  std::vector<Seen> seen;  // inputs as they were when this was recorded

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  ~Node();
};

/// An input of an op for its history: a tensor, or whatever else carries a node.
struct Input {
  Input(const Tensor& tensor) : node(tensor.history()), storage(tensor.storage()) {}
  Input(std::shared_ptr<Node> history) : node(std::move(history)) {}
  std::shared_ptr<Node> node;
  std::shared_ptr<Storage> storage;
};

/// While one exists on this thread nothing is recorded.
class NoGrad {
 public:
  NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  ~NoGrad();

 private:
  bool before_;
};
bool recording();
/// Returns what was set before; for `checkpoint`, whose second run happens inside a walk.
bool set_recording(bool on);

/// y with its history, if an input is tracked and recording is on; else y as it is.
Tensor recorded(const char* name, Tensor y, std::initializer_list<Input> inputs, Backward backward);

/// The node alone, for results that are no tensor yet; null where nothing is to be recorded.
std::shared_ptr<Node> recorded_node(const char* name, std::initializer_list<Input> inputs, Backward backward);

/// y, for an op that has no gradient: throws `internal` when an input is tracked, so that none is lost in silence.
Tensor not_differentiable(const char* name, Tensor y, std::initializer_list<Input> inputs);

/// A node without inputs: where gradients end.
std::shared_ptr<Node> leaf_node();

/// The only door from an op to kernels: calls body.operator()<float>() or <double>(), or nothing while measuring.
template <class Body>
void for_float(DType dtype, Body&& body) {
  if (Measuring::active()) return;
  if (dtype == DType::f32) return body.template operator()<float>();
  if (dtype == DType::f64) return body.template operator()<double>();
  fail(ErrorKind::internal, "an op computes in f32 or f64, not in {}", name_of(dtype));
}

}  // namespace calotype

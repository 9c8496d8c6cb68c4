#include "tensor/backward.h"

#include <utility>

#include "kernels/elementwise.h"

namespace calotype {
namespace {

thread_local Gradients* walk_in_progress = nullptr;

/// Never over bytes that somebody else holds: an op may return one tensor as the gradient of two inputs.
void accumulate(Tensor& sum, Tensor more) {
  if (!sum) {
    sum = std::move(more);
    return;
  }
  check(sum.shape() == more.shape(), "backward: gradients of {} and {} were to be added", sum.shape().text(),
        more.shape().text());
  Tensor total = sum.reusable() ? sum : Tensor::empty(sum.shape(), sum.dtype());
  for_float(sum.dtype(), [&]<class T>() { kernels::add(sum.view<T>(), more.view<T>(), total.edit<T>()); });
  sum = std::move(total);
}

class WalkScope {
 public:
  explicit WalkScope(Gradients& gradients) : before_(std::exchange(walk_in_progress, &gradients)) {}
  WalkScope(const WalkScope&) = delete;
  WalkScope& operator=(const WalkScope&) = delete;
  ~WalkScope() { walk_in_progress = before_; }

 private:
  Gradients* before_;
};

Grads step_back(Node& node, const Tensor& dy) {
  check(node.backward != nullptr, "{}: its history was walked before", node.name);
  for (const Node::Seen& seen : node.seen) {
    const auto storage = seen.storage.lock();
    check(!storage || storage->version == seen.version, "{}: an input was edited after it was used", node.name);
  }
  const Backward backward = std::exchange(node.backward, nullptr);
  node.seen.clear();
  Grads gradients = backward(dy, Wanted(node));
  check(gradients.size() == node.inputs.size(), "{}: {} gradients for {} inputs", node.name, gradients.size(),
        node.inputs.size());
  return gradients;
}

}  // namespace

Tensor Gradients::of(const Tensor& parameter) const {
  const auto found = by_leaf_.find(parameter.history());
  return found == by_leaf_.end() ? Tensor() : found->second;
}

void Gradients::add(const std::shared_ptr<Node>& leaf, Tensor gradient) {
  accumulate(by_leaf_[leaf], std::move(gradient));
}

Tensor Gradients::take(const Tensor& parameter) {
  auto node = by_leaf_.extract(parameter.history());
  return node ? std::move(node.mapped()) : Tensor();
}

Gradients backward(const Tensor& loss) {
  check(loss.count() == 1, "backward: the loss is one number, not {}", loss.shape().text());
  return backward(loss, Tensor::full(loss.shape(), 1, loss.dtype()));
}

Gradients backward(const Tensor& y, Tensor dy) {
  check(y.tracked(), "backward: nothing upstream is being trained");
  const NoGrad no_second_derivatives;
  Gradients result;
  const WalkScope scope(result);
  struct Open {
    std::shared_ptr<Node> node;
    Tensor gradient;
  };
  std::map<uint64_t, Open> open;  // what has a gradient and was not walked, by order
  open[y.history()->order] = {y.history(), std::move(dy)};
  while (!open.empty()) {
    Open last = std::move(std::prev(open.end())->second);
    open.erase(std::prev(open.end()));
    if (last.node->leaf) {
      result.add(last.node, std::move(last.gradient));
      continue;
    }
    Grads gradients = step_back(*last.node, last.gradient);
    last.gradient = Tensor();
    const auto inputs = std::exchange(last.node->inputs, {});
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i] || !gradients[i]) continue;
      Open& input = open[inputs[i]->order];
      input.node = inputs[i];
      accumulate(input.gradient, std::exchange(gradients[i], Tensor()));
    }
  }
  return result;
}

void report_to_walk(const Gradients& gradients) {
  check(walk_in_progress != nullptr, "report_to_walk: no walk is in progress");
  for (const auto& [leaf, gradient] : gradients.by_leaf()) walk_in_progress->add(leaf, gradient);
}

}  // namespace calotype

#include "tensor/checkpoint.h"

#include "tensor/backward.h"

namespace calotype {

Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> block, std::vector<Tensor> inputs) {
  if (!recording()) return block(inputs);
  // Whether anything inside is trained shows only in the block itself, so the history always gets a step: a leaf of its
  // own stands for the parameters.
  Tensor y;
  {
    const NoGrad forward_only;
    y = block(inputs);
  }
  const auto parameters = leaf_node();
  std::vector<std::shared_ptr<Node>> nodes{parameters};
  for (const Tensor& input : inputs) nodes.push_back(input.history());
  auto run_again = [block = std::move(block), inputs](const Tensor& dy, Wanted) {
    std::vector<Tensor> leaves;
    for (const Tensor& input : inputs) leaves.push_back(input.tracked() ? input.detach().trainable() : input);
    Gradients gradients;
    {
      struct Recording {  // the walk has switched it off
        bool before = set_recording(true);
        ~Recording() { set_recording(before); }
      } on;
      const Tensor again = block(leaves);
      if (again.tracked()) gradients = backward(again, dy);
    }
    Grads result{Tensor()};
    for (const Tensor& leaf : leaves) result.push_back(leaf.tracked() ? gradients.take(leaf) : Tensor());
    report_to_walk(gradients);
    return result;
  };
  auto node = recorded_node("checkpoint", {Input(parameters)}, std::move(run_again));
  node->inputs = std::move(nodes);
  return y.with_history(std::move(node));
}

}  // namespace calotype

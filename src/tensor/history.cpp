#include "tensor/history.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <utility>

namespace calotype {
namespace {

thread_local bool recording_on = true;

std::shared_ptr<Node> new_node(const char* name) {
  static std::atomic<uint64_t> next{1};
  auto node = std::make_shared<Node>();
  node->name = name;
  node->order = next++;
  return node;
}

}  // namespace

bool Wanted::operator[](size_t input) const {
  return node_.inputs[input] != nullptr;
}

/// A long history must not be torn down by recursion: nodes are moved to a list and freed one by one.
Node::~Node() {
  std::vector<std::shared_ptr<Node>> doomed = std::move(inputs);
  backward = nullptr;
  while (!doomed.empty()) {
    const std::shared_ptr<Node> node = std::move(doomed.back());
    doomed.pop_back();
    if (node && node.use_count() == 1) {
      std::move(node->inputs.begin(), node->inputs.end(), std::back_inserter(doomed));
      node->inputs.clear();
    }
  }
}

NoGrad::NoGrad() : before_(recording_on) {
  recording_on = false;
}

NoGrad::~NoGrad() {
  recording_on = before_;
}

bool recording() {
  return recording_on;
}

bool set_recording(bool on) {
  return std::exchange(recording_on, on);
}

std::shared_ptr<Node> recorded_node(const char* name, std::initializer_list<Input> inputs, Backward backward) {
  const bool any = std::any_of(inputs.begin(), inputs.end(), [](const Input& input) { return input.node != nullptr; });
  if (!any || !recording_on) return nullptr;
  auto node = new_node(name);
  for (const Input& input : inputs) {
    node->inputs.push_back(input.node);
    if (input.storage) node->seen.push_back({input.storage, input.storage->version});
  }
  node->backward = std::move(backward);
  return node;
}

Tensor recorded(const char* name, Tensor y, std::initializer_list<Input> inputs, Backward backward) {
  auto node = recorded_node(name, inputs, std::move(backward));
  return node ? y.with_history(std::move(node)) : y;
}

Tensor not_differentiable(const char* name, Tensor y, std::initializer_list<Input> inputs) {
  for (const Input& input : inputs)
    check(!input.node || !recording_on, "{} has no gradient, but what it reads is being trained", name);
  return y;
}

std::shared_ptr<Node> leaf_node() {
  auto node = new_node("parameter");
  node->leaf = true;
  return node;
}

}  // namespace calotype

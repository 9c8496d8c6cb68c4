#pragma once

#include <functional>
#include <string>

#include "tensor/tensor.h"

namespace calotype {

/// Looks at what leaves a named part of a network while it runs: for tests and the checker. Empty: nobody looks. Names
/// are the original modules'.
class Tap {
 public:
  using Look = std::function<void(const std::string& name, const Tensor& value)>;
  Tap() = default;
  explicit Tap(Look look) : look_(std::move(look)) {}
  void operator()(const std::string& name, const Tensor& value) const {
    if (look_) look_(below(name), value);
  }
  Tap operator/(const std::string& name) const {
    Tap inner = *this;
    if (look_) inner.path_ = below(name);
    return inner;
  }
  explicit operator bool() const { return look_ != nullptr; }

 private:
  /// An empty name is the part itself.
  std::string below(const std::string& name) const {
    if (path_.empty() || name.empty()) return path_ + name;
    return path_ + "." + name;
  }

  Look look_;
  std::string path_;
};

}  // namespace calotype

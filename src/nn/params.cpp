#include "nn/params.h"

namespace calotype {

Params Params::operator/(const std::string& name) const {
  if (name.empty()) return *this;
  Params inner = *this;
  inner.path_ = path_.empty() ? name : path_ + "." + name;
  return inner;
}

Tensor Params::get(const std::string& name, const Shape& shape, Init init) const {
  return source_->get(path_.empty() ? name : path_ + "." + name, shape, init);
}

}  // namespace calotype

#include "nn/params.h"

namespace calotype {

std::optional<LowRank> ParamSource::low_rank(const std::string&, const Shape&) {
  return std::nullopt;
}

std::string Params::path_of(const std::string& name) const {
  return path_.empty() ? name : path_ + "." + name;
}

Params Params::operator/(const std::string& name) const {
  if (name.empty()) return *this;
  Params inner = *this;
  inner.path_ = path_of(name);
  return inner;
}

Tensor Params::get(const std::string& name, const Shape& shape, Init init) const {
  return source_->get(path_of(name), shape, init);
}

std::optional<LowRank> Params::low_rank(const std::string& name, const Shape& shape) const {
  return source_->low_rank(path_of(name), shape);
}

}  // namespace calotype

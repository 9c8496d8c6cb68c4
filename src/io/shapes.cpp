#include "io/shapes.h"

#include <fmt/format.h>

#include "base/error.h"
#include "io/printable.h"

namespace calotype {

Shapes::Shapes(std::span<const StoredTensor> tensors, std::string_view where) : where_(where) {
  by_name_.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) by_name_.emplace(tensor.name, &tensor.shape);
}

const Shape* Shapes::find(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : at->second;
}

int64_t Shapes::extent(std::string_view name, int axis) const {
  const Shape* shape = find(name);
  require(shape != nullptr, ErrorKind::bad_file, "{}: {} is missing", where_, printable(name));
  require(axis < shape->rank() && shape->count() > 0, ErrorKind::bad_file, "{}: {} has the shape {}, expected axis {}",
          where_, printable(name), shape->text(), axis);
  return (*shape)[axis];
}

}  // namespace calotype

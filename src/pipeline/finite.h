#pragma once

#include "base/error.h"
#include "tensor/tensor.h"

namespace calotype {

/// What came out is no number. Most often a weight is none; whoever has the files can look and say which.
class NotFinite : public Error {
 public:
  using Error::Error;
};

/// Throws NotFinite, of kind `internal`, where a value of `tensor` (f32) is infinite or no number; `what` names it.
void require_finite(const Tensor& tensor, const char* what);

}  // namespace calotype

#pragma once

#include "kernels/linear.h"
#include "tensor/tensor.h"

namespace calotype {

/// A bias or gain as the kernels take it: f32 (f64 stays), made anew where the file holds it narrower. None stays none.
Tensor widened(const Tensor& stored);

/// A weight as the kernels take it: where and how it is stored.
inline kernels::Weights stored_weights(const Tensor& weight) {
  return {weight.data(), weight.dtype()};
}

template <class T>
const T* pointer_or_null(const Tensor& tensor) {
  return tensor ? tensor.view<T>().data() : nullptr;
}

}  // namespace calotype

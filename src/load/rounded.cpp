#include "load/rounded.h"

#include <algorithm>

#include "base/error.h"

namespace calotype {

void round_to(DType dtype, const float* values, int64_t count, void* out) {
  switch (dtype) {
    case DType::f32:
      std::copy_n(values, count, static_cast<float*>(out));
      return;
    case DType::f16:
      std::transform(values, values + count, static_cast<Float16*>(out), to_float16);
      return;
    case DType::bf16:
      std::transform(values, values + count, static_cast<BFloat16*>(out), to_bfloat16);
      return;
    default:
      fail(ErrorKind::internal, "weights are not written in {}", name_of(dtype));
  }
}

}  // namespace calotype

#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace calotype {

/// Rounds `count` values to f32, f16 or bf16, to nearest, ties to even: as they lie in a file. `out` is aligned for the
/// type. Throws `internal` for any other type.
void round_to(DType dtype, const float* values, int64_t count, void* out);

}  // namespace calotype

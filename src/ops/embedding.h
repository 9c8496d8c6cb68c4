#pragma once

#include <span>

#include "tensor/history.h"

namespace calotype {

/// Rows of a table [rows, C] in any stored type: ids -> [ids.size(), C] in f32 (f64 where the table is). Throws
/// `internal` on an id outside the table. An id that occurs several times collects the sum of its gradients.
Tensor embedding(const Tensor& table, std::span<const int32_t> ids);

/// Row `rows[b]` of picture b: x [B, T, C] -> [B, C].
Tensor gather_rows(const Tensor& x, std::span<const int32_t> rows);

/// Waves of a time: [cos(t f_i), sin(t f_i)] with f_i = 10000^(-i / (width / 2)), cosine half first; an odd width ends
/// in a zero. -> [times.size(), width], f32, computed in f32.
Tensor sinusoid(std::span<const double> times, int64_t width);

}  // namespace calotype

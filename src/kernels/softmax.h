#pragma once

#include <cstdint>

namespace calotype::kernels {

/// y = exp(x - m) / sum exp(x - m) over each row of [rows, width], m the row's maximum. y may be x.
void softmax(int64_t rows, int64_t width, const float* x, float* y);
void softmax(int64_t rows, int64_t width, const double* x, double* y);

/// dx = y (dy - sum y dy), from the result y. dx may be y or dy.
void softmax_gradient(int64_t rows, int64_t width, const float* y, const float* dy, float* dx);
void softmax_gradient(int64_t rows, int64_t width, const double* y, const double* dy, double* dx);

}  // namespace calotype::kernels

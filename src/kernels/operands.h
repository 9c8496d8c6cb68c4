#pragma once

#include <cstdint>

namespace calotype::kernels {

/// The left operand of a product: row r, step k is data[r * row_stride + k]. K may come in `runs` stretches of `run`
/// steps, `run_stride` apart: the lines of a window over a map.
/// While a tile runs, it asks for what the next one wants: every two steps of K for the line of the cache at `ahead`,
/// which then moves on by `ahead_step` bytes. Null: nothing is far.
struct Left {
  const float* data;
  int64_t row_stride;
  int64_t run;
  int64_t runs = 1;
  int64_t run_stride = 0;
  const void* ahead = nullptr;
  int64_t ahead_step = 0;
};

/// Operands of a product whose K is the slow axis of both: left[k][r] = data[k * stride + r], as weight gradients have
/// them (K: pixels or rows, kept in `runs` stretches of `run`).
struct Outer {
  const float* left;
  int64_t left_stride, left_run_stride;
  const float* right;  // need not be aligned
  int64_t right_stride, right_run_stride;
  int64_t run;
  int64_t runs = 1;
};

}  // namespace calotype::kernels

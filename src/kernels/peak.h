#pragma once

#include "kernels/linear.h"

namespace calotype::kernels {

/// Multiply-adds in f32 that the current instruction set reaches from registers alone, in GFLOP/s (two operations each)
/// of CPU time on one core: what a kernel's rate is a share of. Takes about `milliseconds`. Clocks move, so measure it
/// in turn with the work. For `scalar` the compiler's plain code is measured. In bf16 where
/// the current instruction set multiplies it, else in f32.
double peak_gflops(double milliseconds = 10, Precision precision = Precision::f32);

/// The same on all threads at once, by wall time.
double peak_gflops_of_all_threads(double milliseconds = 10, Precision precision = Precision::f32);

}  // namespace calotype::kernels

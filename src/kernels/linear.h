#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "kernels/entry.h"

namespace calotype::kernels {

/// A matrix of weights as it lies in a file: f32, f16, bf16 or a type in blocks (base/blocks.h), widened inside the
/// panels, never copied whole. Rows of blocks are a whole number of them.
struct Weights {
  const void* data = nullptr;
  DType dtype = DType::f32;
};

/// geglu: the weight has 2 * out rows, values first, gates last; y = value * gelu(gate).
enum class Activation { none, silu, gelu, quick_gelu, geglu };

/// f32 rounds nothing; bf16 lets a product round both operands and sum in f32, where the instruction set in use is
/// faster for it (avx512_bf16). All others compute in f32 what is asked for in bf16.
enum class Precision { f32, bf16 };
const char* name_of(Precision precision);
/// What products will be computed in.
Precision in_use(Precision asked);
/// Why products are not in bf16; null: they are.
const char* unless_bf16(Precision asked);

/// Layer norm of each row of x, made while it is read.
struct RowNorm {
  const float* gain = nullptr;  // [in]; null: no norm
  const float* bias = nullptr;  // [in]
  float epsilon = 1e-5f;
};

/// y = activation(x wᵀ + bias + offset) + add, row-major f32.
struct Linear {
  int64_t rows = 0, in = 0, out = 0;  // out: the width of y
  const float* x = nullptr;           // [rows, in]
  RowNorm norm = {};
  Weights weight = {};            // [out, in], or [2 out, in] under geglu
  const float* bias = nullptr;    // [out] or [2 out]
  const float* offset = nullptr;  // [rows / rows_per_offset, out]; not under geglu
  int64_t rows_per_offset = 0;
  Activation activation = Activation::none;
  const float* add = nullptr;  // [rows, out]; may be y itself
  float* y = nullptr;          // [rows, out]
  Precision precision = Precision::f32;
};

void linear(const Linear& problem);

/// The kernels for such a layer, in the order in which they are tried.
std::vector<KernelChoice> linear_choices(const Linear& problem);

/// dx = dy w (+ dx when accumulate). dy [rows, out], w [out, in] as stored, dx [rows, in].
struct LinearDataGradient {
  int64_t rows, in, out;
  const float* dy;
  Weights weight;
  float* dx;
  bool accumulate = false;
  Precision precision = Precision::f32;
};
void linear_data_gradient(const LinearDataGradient& problem);

/// dw = dyᵀ x, dbias = sum of dy's rows (null: not wanted). The sum over rows is cut by shape only.
struct LinearWeightGradient {
  int64_t rows, in, out;
  const float* dy;  // [rows, out]
  const float* x;   // [rows, in]
  float* dweight;   // [out, in], may be null
  float* dbias;     // [out], may be null
  Precision precision = Precision::f32;
};
void linear_weight_gradient(const LinearWeightGradient& problem);

/// The same in plain C++, for f64 too: what every fast kernel is compared with, and what `--isa scalar` runs.
namespace reference {
template <class T>
void linear(int64_t rows, int64_t in, int64_t out, const T* x, const T* weight, const T* bias, T* y);
template <class T>
void linear_data_gradient(int64_t rows, int64_t in, int64_t out, const T* dy, const T* weight, T* dx);
template <class T>
void linear_weight_gradient(int64_t rows, int64_t in, int64_t out, const T* dy, const T* x, T* dweight, T* dbias);
}  // namespace reference

}  // namespace calotype::kernels

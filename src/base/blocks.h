#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace calotype {

/// Elements and bytes of one block: neighbours along a row that share a scale, as GGUF files have them. One element for
/// plain types.
struct BlockSize {
  int64_t elements, bytes;
};

BlockSize block_size(DType dtype);
bool is_in_blocks(DType dtype);

/// All elements of the block that begins at `block`, any address. Every product is exact in f32 and at most one sum is
/// rounded, so the values are ggml's, bit for bit.
///   q4_0, q4_1, q5_0, q5_1, q8_0: 32 elements, scale (and offset) in f16.
///   q2_k .. q6_k: 256 elements in sub-blocks whose small integer scales share one in f16.
void widen_block(DType dtype, const void* block, float* out);

/// Elements [first, first + count) of a row of blocks.
void widen_blocks(const void* data, DType dtype, int64_t first, int64_t count, float* out);

/// Writes one block from its elements: q8_0 with scale = greatest magnitude / 127, rounded half away from zero; q4_0
/// from the element of greatest magnitude. Throws `internal` for any other type.
void narrow_block(DType dtype, const float* values, void* block);

}  // namespace calotype

#pragma once

#include <span>

#include "io/safetensors.h"
#include "load/model_files.h"

namespace calotype {

/// Values [first, first + out.size()) of a tensor in its own order, as f32; a transposed one is read whole or not at
/// all.
void widen(const RelaidTensor& tensor, int64_t first, std::span<float> out);

/// Whether values can be rounded to this type: any plain floating type, q8_0, q4_0; the others are only read.
bool can_round_to(StoredType type);

/// Whether its values can be written in this type: any plain floating type; q8_0 and q4_0 where its rows are whole
/// blocks; any type that it has already, unless it must be transposed in blocks.
bool can_be_written(const RelaidTensor& tensor, StoredType type);

/// Hands its bytes in that type to the sink, in pieces: as they lie where the type is the same, else rounded once from
/// f32, to nearest, ties to even.
void write_values(const RelaidTensor& tensor, StoredType type, const ByteSink& sink);

/// The same of values that the caller works out, a piece at a time: `values(first, out)` fills `out`.
void write_values(const Shape& shape, StoredType type, const std::function<void(int64_t, std::span<float>)>& values,
                  const ByteSink& sink);

}  // namespace calotype

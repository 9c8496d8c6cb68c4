#pragma once

#include "pipeline/request.h"

namespace calotype {

/// The most bytes of tensors that drawing takes at once, weights apart (they are mapped): the network and the decoder
/// are run without numbers, which takes milliseconds.
int64_t working_memory(const StableDiffusion& model, const Settled& run);

/// Floating-point operations of the network's calls and of decoding, counted in the same way: two a multiply-add of
/// direct arithmetic.
double drawing_work(const StableDiffusion& model, const Settled& run);

/// The memory of decoding alone; `height` and `width` in cells.
int64_t decoding_memory(const Vae& vae, int64_t height, int64_t width);

/// Throws `out_of_memory` where drawing takes more than the system has left, before it would take it.
void require_memory(const StableDiffusion& model, const Settled& run);

/// The same where latents of `height` x `width` cells are only decoded.
void require_decoding_memory(const Vae& vae, int64_t height, int64_t width);

}  // namespace calotype

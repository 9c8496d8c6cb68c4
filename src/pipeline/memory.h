#pragma once

#include "pipeline/request.h"

namespace calotype {

/// The most bytes of tensors that drawing takes at once, weights apart (they are mapped): the network and the decoder
/// are run without numbers, which takes milliseconds.
int64_t working_memory(const StableDiffusion& model, const Settled& run);

/// Throws `out_of_memory` where drawing takes more than the system has left, before it would take it.
void require_memory(const StableDiffusion& model, const Settled& run);

}  // namespace calotype

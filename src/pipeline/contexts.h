#pragma once

#include "pipeline/request.h"
#include "pipeline/watcher.h"

namespace calotype {

/// What the network attends to: [unwanted.., wanted..], one of each a picture, or the wanted alone without guidance.
/// [2B or B, 77, width]
Tensor contexts(const StableDiffusion& model, const Settled& run, const Watcher& watcher);

}  // namespace calotype

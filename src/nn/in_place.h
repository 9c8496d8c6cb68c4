#pragma once

#include "nn/layers.h"

namespace calotype {

/// layer(x) of a layer that is no wider than x, written over x where nobody else has its bytes and nothing is recorded:
/// only one of the two is in memory at a time. The same bits.
Tensor in_place_of(Tensor x, const Linear& layer);

}  // namespace calotype

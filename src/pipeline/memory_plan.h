#pragma once

#include "models/vae.h"

namespace calotype {

/// How a drawing is fitted into memory. None of it changes a bit of the picture; it costs time.
struct MemoryPlan {
  DecodePlan decode = {};
  bool halves_apart = false;  // the guided halves go through the network one after the other
};

}  // namespace calotype

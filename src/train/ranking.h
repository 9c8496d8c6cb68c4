#pragma once

#include "tensor/tensor.h"

namespace calotype {

/// How often the right text is the first, or among the first five, for a picture: shares of 1.
struct Ranking {
  double first = 0, first_five = 0;
};

/// Features of pictures and of texts, [N, C] each, row by row of the same thing; normalised here.
Ranking rank(const Tensor& pictures, const Tensor& texts);

}  // namespace calotype

#pragma once

#include "kernels/linear.h"

namespace calotype::kernels::scalar {

// The contracts of linear.h in plain C++, made of the reference: what `--isa scalar` runs. These allocate.
void linear(const Linear& problem);
void linear_data_gradient(const LinearDataGradient& problem);
void linear_weight_gradient(const LinearWeightGradient& problem);

}  // namespace calotype::kernels::scalar

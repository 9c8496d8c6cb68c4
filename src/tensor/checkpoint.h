#pragma once

#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// block(inputs), with only the inputs kept: backward runs the block again (Chen et al. 2016, "Training deep nets with
/// sublinear memory cost"). Parameters used inside get their gradients as usual; the bits are those of a plain call.
/// The block must do the same again: random numbers come in as arguments.
Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> block, std::vector<Tensor> inputs);

}  // namespace calotype

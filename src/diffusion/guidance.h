#pragma once

#include "tensor/tensor.h"

namespace calotype {

/// Classifier-free guidance (Ho and Salimans 2022): without + scale * (with - without), of raw outputs or of clean
/// latents alike. [B, ...], of one shape. `rescale` in 0 .. 1 pulls the spread of each picture back to that of `with`,
/// standard deviations over all but the first axis with n - 1 (Lin et al. 2023, section 3.4); 0 turns it off.
Tensor guided(const Tensor& without, const Tensor& with, double scale, double rescale = 0);

}  // namespace calotype

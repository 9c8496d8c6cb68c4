#pragma once

#include "ops/gradient_check.h"

namespace calotype::testing {

// One list a group of headers; together they name every op that has a gradient.
std::vector<GradientCase> elementwise_cases();  // activation.h, arithmetic.h, combine.h, reduce.h
std::vector<GradientCase> structure_cases();    // structure.h, pad.h, pool.h, resize.h, embedding.h
std::vector<GradientCase> product_cases();      // linear.h, conv2d.h, conv_variants.h, attention.h, reading.h, norm.h
std::vector<GradientCase> loss_cases();         // losses.h, depth_losses.h

}  // namespace calotype::testing

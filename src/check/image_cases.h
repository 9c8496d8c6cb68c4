#pragma once

#include <string>
#include <vector>

#include "check/reference.h"
#include "pipeline/picture_input.h"

namespace calotype::checker {

/// What the program makes of one row of resampling and preparing, in the reference's order of axes.
struct ImageCase {
  Shape shape;
  std::vector<double> values;
};

/// Throws `unsupported` for an operation that is not known.
ImageCase image_case(const std::string& id, const json& row, const ReferenceTensors& tensors);

}  // namespace calotype::checker

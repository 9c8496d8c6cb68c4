#pragma once

#include <string>
#include <vector>

#include "io/fit.h"
#include "pipeline/field.h"

namespace calotype {

// Fields that requests with a picture share.

/// Width and height are the picture's own where nothing is said.
void size_is_the_pictures(std::vector<Field>& table);
void add_strength(std::vector<Field>& table, double& strength);
void add_fitting(std::vector<Field>& table, std::string& resize_mode, bool& full_size);

/// Throws `bad_input` for a name that is none.
ResizeMode fitting(const std::string& resize_mode);

}  // namespace calotype

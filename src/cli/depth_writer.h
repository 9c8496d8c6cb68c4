#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "io/resample.h"

namespace calotype::cli {

/// Endings that a depth map may be written under: grey PNG of 16 bits, floats.
bool is_depth_ending(const std::string& ending);

/// A depth map as a file of that ending; with a colour map's name a PNG of 8 bits in its colours. Throws `bad_input`
/// for another ending or an unknown name.
std::vector<std::byte> depth_file(const FloatMap& map, const std::string& ending, const std::string& colour_map,
                                  const std::string& model);

}  // namespace calotype::cli

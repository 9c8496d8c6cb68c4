#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/stored_tensor.h"

namespace calotype {

/// One tensor as the header names it, not yet checked against the data.
struct HeaderEntry {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;
};

/// Reads the JSON of a safetensors header: an object of entries and `__metadata__`. Names are unique; at most eight
/// axes. Fields that the format does not know are passed over. Throws `bad_file`. Depth of nesting costs no stack.
std::vector<HeaderEntry> parse_header(std::string_view json, std::map<std::string, std::string>& metadata,
                                      std::string_view where);

}  // namespace calotype

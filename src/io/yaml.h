#pragma once

#include <yaml-cpp/yaml.h>

#include <string_view>

namespace calotype {

/// Parses text that may be hostile: at most 1 MB, 64 levels, 100,000 values, no anchors or aliases. Throws `bad_file`
/// with `where` in front.
YAML::Node parse_yaml(std::string_view text, std::string_view where);

}  // namespace calotype

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace calotype {

using TomlValue = std::variant<int64_t, double, bool, std::string>;

/// Reads the flat part of TOML 1.0: keys with numbers, words in quotes on one line, true or false; comments. Tables,
/// arrays, dates, dotted keys and words of several lines are refused by name: nothing of ours needs them. Throws
/// `bad_file` with `where` and the line in front. Linear in the text, no recursion.
std::map<std::string, TomlValue> parse_flat_toml(std::string_view text, std::string_view where);

}  // namespace calotype

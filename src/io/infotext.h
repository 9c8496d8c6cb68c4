#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace calotype {

/// Generation parameters as AUTOMATIC1111's web interface puts them into pictures, and most other programs after it.
struct Infotext {
  std::string prompt, negative;                               // UTF-8; lines apart by LF
  std::vector<std::pair<std::string, std::string>> settings;  // in order

  /// Null where there is no such setting.
  const std::string* find(std::string_view key) const;
};

/// prompt LF "Negative prompt: " negative LF settings. Settings are `key: value` joined by ", "; a value with comma,
/// colon or line feed becomes a JSON string, an empty one is left out, one equal to its key is written as the key
/// alone.
std::string write_infotext(const Infotext& infotext);

/// Reads any text: the last line counts as settings where it has at least three of them. A value in double quotes is
/// decoded as JSON where it can be; WIDTHxHEIGHT under KEY becomes KEY-1 and KEY-2. Takes time linear in the text.
Infotext parse_infotext(std::string_view text);

}  // namespace calotype

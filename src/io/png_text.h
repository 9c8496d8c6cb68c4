#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace calotype {

/// Latin-1 to UTF-8.
std::string from_latin1(std::string_view text);

/// UTF-8 to Latin-1; nothing where a character has no place there. The text must be UTF-8.
std::optional<std::string> to_latin1(std::string_view text);

/// Unpacks a zlib stream of at most `limit` bytes; nothing where it is damaged or longer.
std::optional<std::string> unpacked(std::string_view packed, size_t limit);

}  // namespace calotype

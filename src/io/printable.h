#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace calotype {

/// Text from a file as a message may show it: control characters and bytes that are no UTF-8 become '?', and at most
/// `limit` bytes remain, then "..".
std::string printable(std::string_view text, size_t limit = 120);

/// The same line by line, each of any length and with its line feed.
std::string printable_lines(std::string_view text);

/// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

/// The text with every byte that is part of no well-formed UTF-8 made '?', and zero bytes left out.
std::string as_utf8(std::string_view text);

}  // namespace calotype

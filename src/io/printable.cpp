#include "io/printable.h"

#include <algorithm>
#include <cstdint>

namespace calotype {
namespace {

/// Bytes of the well-formed sequence that begins at `at`; 0 where there is none.
size_t sequence_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t first = byte(at);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                        : first >= 0xe0 && first <= 0xef ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  const uint8_t second = byte(at + 1);
  if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f)) return 0;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return length;
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (shown.size() + length > limit) return shown + "..";
    const uint8_t first = text[at];
    if (length == 0 || first < 0x20 || first == 0x7f || (first == 0xc2 && static_cast<uint8_t>(text[at + 1]) < 0xa0)) {
      shown += '?';
      at += length ? length : 1;
      continue;
    }
    shown += text.substr(at, length);
    at += length;
  }
  return shown;
}

std::string printable_lines(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    shown += printable(text.substr(0, end), text.size()) + '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

bool is_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string as_utf8(std::string_view text) {
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const size_t length = sequence_length(text, at);
    if (length == 0) result += '?';
    if (text[at] != '\0') result += text.substr(at, length);
    at += length ? length : 1;
  }
  return result;
}

}  // namespace calotype

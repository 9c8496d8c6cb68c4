#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// What a picture's EXIF block says that is of use here. All text is UTF-8.
struct Exif {
  int orientation = 1;       // 1..8, as the picture is stored
  std::string user_comment;  // generation parameters, where web user interfaces put them
  std::string make, model;   // ComfyUI: `workflow:{..}`, `prompt:{..}`
  std::string software;
  std::string maker_note;  // Fooocus: the scheme of its parameters
};

/// Reads a block that begins with a TIFF header, or with "Exif", two zero bytes and that header. Never throws: what is
/// damaged, or longer than `most` bytes, is left out.
Exif read_exif(std::span<const std::byte> block, size_t most = 8 << 20);

/// A block with the comment alone, from the TIFF header on: big-endian, the text in UTF-16. `text` is UTF-8.
std::vector<std::byte> write_exif(std::string_view user_comment);

/// UTF-16 units to UTF-8 and back; halves of pairs that stand alone become U+FFFD.
std::string from_utf16(std::span<const char16_t> units);
std::vector<char16_t> to_utf16(std::string_view utf8);

}  // namespace calotype

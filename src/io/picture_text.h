#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"
#include "io/png.h"

namespace calotype {

/// What a picture says of how it was made, wherever it says so. All text is UTF-8.
struct PictureText {
  std::string parameters;       // as web user interfaces write them; empty: none
  std::vector<PngText> others;  // further texts by keyword: PNG chunks; ComfyUI's `prompt` and `workflow` from EXIF too
  std::string source_type;      // the IPTC's word for the digital source type; empty: none
};

/// Reads the text chunks of a PNG, EXIF and XMP of a JPEG or WebP; no pixels. Damaged texts and what exceeds the limit
/// are left out. Throws `bad_file` or `unsupported` where the file is no picture of a kind that is read here.
PictureText picture_text(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});
PictureText read_picture_text(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace calotype

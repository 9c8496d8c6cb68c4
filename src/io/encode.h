#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"
#include "io/png.h"
#include "io/provenance.h"

namespace calotype {

enum class PictureFormat { png, jpeg, webp };

const char* name_of(PictureFormat format);
/// By name: "png", "jpeg" or "jpg", "webp".
std::optional<PictureFormat> picture_format_from(std::string_view name);
/// By the ending of a file's name, in any case; nothing for other endings.
std::optional<PictureFormat> format_of_ending(const std::filesystem::path& path);

/// What is written beside the pixels, each where programs look for it: PNG text chunks, EXIF's user comment, XMP.
struct PictureNotes {
  std::string parameters = {};           // empty: none
  SourceType source = SourceType::none;  // the provenance mark
  std::vector<PngText> texts = {};       // further texts; of PNG files only
};

struct EncodeOptions {
  int quality = 90;       // of JPEG and WebP: 1 to 100
  bool lossless = false;  // of WebP
};

/// The file of a picture. A JPEG has no transparency: it is laid on white. Parameters that are too long for a JPEG
/// (over 32,000 characters) are left out of it. Throws `bad_input` for a picture too large for the format.
std::vector<std::byte> encode_picture(const Image& image, PictureFormat format, const EncodeOptions& options = {},
                                      const PictureNotes& notes = {});

}  // namespace calotype

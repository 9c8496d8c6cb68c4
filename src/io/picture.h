#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/image.h"

namespace calotype {

/// Whether the bytes begin as a picture of a kind that is read here: PNG, JPEG or WebP.
bool is_picture(std::span<const std::byte> file);
/// Throws where they do not: `unsupported` for kinds of pictures that are known but not read, else `bad_file`.
void require_picture(std::span<const std::byte> file, std::string_view where);

/// The picture in a file, told by its content and never by its name: RGB, or RGBA where it has transparency, turned as
/// its EXIF orientation says. `on_white` makes it RGB. Throws `bad_file`, `unsupported` (a kind of picture not read
/// here), `out_of_memory` (the limit of pixels, before memory is taken).
Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {});
Image decode_image(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

/// The grey levels of a picture, such as a depth map: those of a grey 16-bit PNG as they are, of others the 8-bit
/// levels of grey on white times 257.
Grey16 read_grey16(const std::filesystem::path& path, const ImageLimits& limits = {});

/// The generation parameters that web user interfaces leave in a picture (`parameters`), in UTF-8; empty where there
/// are none. Needs no pixels. Throws as `read_image` does.
std::string read_parameters(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace calotype

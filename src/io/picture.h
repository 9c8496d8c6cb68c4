#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "io/image.h"

namespace calotype {

/// The picture in a file, told by its content and never by its name: RGB, or RGBA where it has transparency. Throws
/// `bad_file`, `unsupported` (a kind of picture not read here), `out_of_memory` (the limit of pixels).
Image read_image(const std::filesystem::path& path, const ImageLimits& limits = {});
Image decode_image(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

/// The generation parameters that web user interfaces leave in a picture (`parameters`), in UTF-8; empty where there
/// are none. Needs no pixels. Throws as `read_image` does.
std::string read_parameters(const std::filesystem::path& path, const ImageLimits& limits = {});

}  // namespace calotype

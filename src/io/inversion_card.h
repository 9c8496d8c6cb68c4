#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "io/inversion_file.h"

namespace calotype {

/// An inversion that the web interface put into a picture: as text (`sd-ti-embedding`, base64 of JSON), or packed into
/// the low bits of two strips at the picture's sides. Throws `bad_file`.
InversionFile read_inversion_card(std::span<const std::byte> png, std::string_view where);

}  // namespace calotype

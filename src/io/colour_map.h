#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "io/image.h"

namespace calotype {

/// inferno: matplotlib's, from black over red to yellow. spectral: ColorBrewer's eleven classes turned round, from blue
/// over yellow to red.
enum class ColourMap { inferno, spectral };

std::optional<ColourMap> colour_map_from(std::string_view name);

/// A picture of levels in 0 .. 1, row by row: 8 bits, level 0 the first of 256 colours; cut, not rounded, as MiDaS has
/// it.
Image coloured(std::span<const float> levels, int width, int height, ColourMap map);

}  // namespace calotype

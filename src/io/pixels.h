#pragma once

#include <span>

#include "io/image.h"

namespace calotype {

/// What becomes of a level between two of the 256: the nearest one (ties to even), or the one below.
enum class Rounding { nearest, down };

/// Floats [height, width, channels] in [-1, 1] as a picture of 8 bits. Levels beyond are clamped; what is no number
/// becomes black.
Image image_of(std::span<const float> values, int width, int height, int channels, Rounding rounding);

}  // namespace calotype

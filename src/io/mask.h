#pragma once

#include "io/fit.h"

namespace calotype {

/// Pillow's GaussianBlur of a picture of any channels: three box blurs along rows, three along columns, each rounded to
/// 8 bits; borders repeat. `radius` is the standard deviation in pixels; 0 changes nothing.
Image gaussian_blur(Image image, double radius);

/// Levels of grey, as Pillow converts: (19595 R + 38470 G + 7471 B + 32768) >> 16. Alpha is dropped.
Image grey(const Image& image);

/// Whether a level of 0..255 counts as white: at 128 and above.
inline bool is_white(uint8_t level) {
  return level >= 128;
}

/// The box around a mask's pixels that are not 0, `padding` pixels larger on each side and then widened, as far as the
/// picture goes, to the shape of `target` (diffusers' get_crop_region). One channel. Throws `bad_input` where the mask
/// is empty.
Box crop_region(const Image& mask, Size target, int padding);

}  // namespace calotype

#pragma once

#include <string>
#include <string_view>

#include "io/image.h"

namespace calotype::cli {

/// The ways in which terminals show pictures.
enum class PictureProtocol { none, kitty, iterm, sixel, half_blocks };

/// What the terminal on stderr can do: it is asked (kitty graphics, sixel) where it is also the keyboard's, for at most
/// 200 ms; what it says of itself in the environment counts first. None where stderr is no terminal.
PictureProtocol terminal_pictures();

/// The bytes that show an RGB picture from the cursor on, `rows` lines of text high, the cursor below it afterwards.
/// With `again` it takes the place of the one that was shown last.
std::string terminal_picture(const Image& image, PictureProtocol protocol, int rows, bool again);

// The encodings themselves.
std::string base64(std::string_view bytes);
std::string kitty_picture(const Image& image, int columns, int rows);
std::string iterm_picture(const Image& image, int columns, int rows);
std::string sixel_picture(const Image& image);
std::string half_block_picture(const Image& image, bool true_colour);

}  // namespace calotype::cli

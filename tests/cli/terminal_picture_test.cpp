#include "cli/terminal_picture.h"

#include <gtest/gtest.h>

namespace calotype::cli {
namespace {

Image two_by_two() {
  return {2, 2, 3, {255, 0, 0, 255, 0, 0, 0, 0, 255, 0, 255, 0}};
}

TEST(TerminalPicture, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("\xff\xff\xff"), "////");
}

TEST(TerminalPicture, Sixel) {
  // Red in the upper row of both columns, blue and green below: bit 0 is the topmost of six rows.
  EXPECT_EQ(sixel_picture(two_by_two()),
            "\x1bPq\"1;1;2;2#5;2;0;0;100#30;2;0;100;0#180;2;100;0;0#5A?$#30?A$#180@@$-\x1b\\");
}

TEST(TerminalPicture, HalfBlocks) {
  EXPECT_EQ(half_block_picture(two_by_two(), true),
            "\x1b[38;2;255;0;0m\x1b[48;2;0;0;255m\u2580\x1b[38;2;255;0;0m\x1b[48;2;0;255;0m\u2580\x1b[0m\n");
  EXPECT_EQ(half_block_picture(two_by_two(), false),
            "\x1b[38;5;196m\x1b[48;5;21m\u2580\x1b[38;5;196m\x1b[48;5;46m\u2580\x1b[0m\n");
}

TEST(TerminalPicture, KittyComesInPieces) {
  Image noise{64, 64, 3, {}};
  uint32_t state = 1;
  for (int i = 0; i < 64 * 64 * 3; ++i)
    noise.pixels.push_back(static_cast<uint8_t>((state = state * 1664525 + 1013904223) >> 24));
  const std::string text = kitty_picture(noise, 8, 4);
  size_t pieces = 0, last = 0;
  for (size_t start = 0; (start = text.find("\x1b_G", start)) != std::string::npos; ++pieces, ++start) {
    const size_t end = text.find("\x1b\\", start), data = text.find(';', start);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - data - 1, 4096u);
    last = text.find("m=0", start) < data;
  }
  EXPECT_GT(pieces, 2u);
  EXPECT_EQ(last, 1u);
}

}  // namespace
}  // namespace calotype::cli

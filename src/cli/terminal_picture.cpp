#include "cli/terminal_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "io/png.h"

namespace calotype::cli {
namespace {

constexpr int kCellWidth = 8, kCellHeight = 16;  // pixels of a character where the terminal does not say

std::string png_bytes(const Image& image) {
  const std::vector<std::byte> file = encode_png(image);
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

const uint8_t* pixel(const Image& image, int x, int y) {
  return &image.pixels[(size_t{3} * y * image.width) + size_t{3} * x];
}

/// The nearest pixel of the picture for each of width by height.
Image resized(const Image& image, int width, int height) {
  Image result{width, height, 3, {}};
  result.pixels.resize(size_t{3} * width * height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      std::copy_n(pixel(image, static_cast<int>(int64_t{x} * image.width / width),
                        static_cast<int>(int64_t{y} * image.height / height)),
                  3, &result.pixels[(size_t{1} * y * width + x) * 3]);
  return result;
}

/// Index into the 6x6x6 cube of 256-colour terminals, which is also our palette of sixels.
int cube_index(const uint8_t* rgb) {
  const auto level = [](int value) { return (value * 5 + 127) / 255; };
  return 36 * level(rgb[0]) + 6 * level(rgb[1]) + level(rgb[2]);
}

/// One colour's pixels of a band of six rows, equal neighbours counted.
std::string sixel_row(const Image& indices, int top, int colour) {
  std::string row;
  int count = 0;
  char before = 0;
  const auto flush = [&] {
    if (count > 3) {
      row += fmt::format("!{}{}", count, before);
    } else {
      row.append(count, before);
    }
  };
  for (int x = 0; x < indices.width; ++x) {
    int bits = 0;
    for (int k = 0; k < 6 && top + k < indices.height; ++k)
      if (indices.pixels[size_t{1} * (top + k) * indices.width + x] == colour) bits |= 1 << k;
    const char sixel = static_cast<char>('?' + bits);
    if (sixel != before) {
      flush();
      count = 0;
      before = sixel;
    }
    ++count;
  }
  flush();
  return row;
}

}  // namespace

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    const size_t some = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) three = three << 8 | (k < some ? static_cast<uint8_t>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) text += k <= some ? kLetters[three >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string kitty_picture(const Image& image, int columns, int rows) {
  const std::string data = base64(png_bytes(image));
  constexpr size_t kChunk = 4096;
  std::string text;
  for (size_t at = 0; at < data.size(); at += kChunk) {
    const bool last = at + kChunk >= data.size();
    const std::string start = at == 0
                                  ? fmt::format("a=T,f=100,i=1,p=1,q=2,C=1,c={},r={},m={}", columns, rows, last ? 0 : 1)
                                  : fmt::format("m={}", last ? 0 : 1);
    text += "\x1b_G" + start + ';' + data.substr(at, kChunk) + "\x1b\\";
  }
  return text;
}

std::string iterm_picture(const Image& image, int columns, int rows) {
  const std::string file = png_bytes(image);
  return fmt::format("\x1b]1337;File=inline=1;size={};width={};height={};preserveAspectRatio=0:{}\a", file.size(),
                     columns, rows, base64(file));
}

std::string sixel_picture(const Image& image) {
  Image indices{image.width, image.height, 1, {}};
  std::array<bool, 216> used{};
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      indices.pixels.push_back(static_cast<uint8_t>(cube_index(pixel(image, x, y))));
      used[indices.pixels.back()] = true;
    }
  std::string text = fmt::format("\x1bPq\"1;1;{};{}", image.width, image.height);
  for (int colour = 0; colour < 216; ++colour)
    if (used[colour])
      text += fmt::format("#{};2;{};{};{}", colour, colour / 36 * 20, colour / 6 % 6 * 20, colour % 6 * 20);
  for (int top = 0; top < image.height; top += 6) {
    std::array<bool, 216> here{};
    for (int y = top; y < std::min(top + 6, image.height); ++y)
      for (int x = 0; x < image.width; ++x) here[indices.pixels[size_t{1} * y * image.width + x]] = true;
    for (int colour = 0; colour < 216; ++colour)
      if (here[colour]) text += fmt::format("#{}{}$", colour, sixel_row(indices, top, colour));
    text += '-';
  }
  return text + "\x1b\\";
}

std::string half_block_picture(const Image& image, bool true_colour) {
  const auto colour = [&](int layer, const uint8_t* rgb) {
    return true_colour ? fmt::format("\x1b[{};2;{};{};{}m", layer, rgb[0], rgb[1], rgb[2])
                       : fmt::format("\x1b[{};5;{}m", layer, 16 + cube_index(rgb));
  };
  std::string text;
  for (int y = 0; y < image.height; y += 2) {
    for (int x = 0; x < image.width; ++x) {
      text += colour(38, pixel(image, x, y));
      text += y + 1 < image.height ? colour(48, pixel(image, x, y + 1)) : "\x1b[49m";
      text += "\u2580";
    }
    text += "\x1b[0m\n";
  }
  return text;
}

std::string terminal_picture(const Image& image, PictureProtocol protocol, int rows, bool again) {
  if (protocol == PictureProtocol::none) return "";
  const int columns = std::max(1, rows * kCellHeight / kCellWidth * image.width / std::max(image.height, 1));
  std::string text = again ? fmt::format("\r\x1b[{}A", rows) : "\r";
  const std::string below(protocol == PictureProtocol::half_blocks ? 0 : rows, '\n');
  if (!again && !below.empty()) text += below + fmt::format("\x1b[{}A", rows);  // scrolls first, so that going up works
  switch (protocol) {
    case PictureProtocol::none:
      break;
    case PictureProtocol::kitty:
      text += kitty_picture(image, columns, rows);
      break;
    case PictureProtocol::iterm:
      text += "\x1b[s" + iterm_picture(image, columns, rows) + "\x1b[u";
      break;
    case PictureProtocol::sixel:
      text += "\x1b[s" + sixel_picture(resized(image, columns * kCellWidth, rows * kCellHeight)) + "\x1b[u";
      break;
    case PictureProtocol::half_blocks: {
      const char* depth = std::getenv("COLORTERM");
      const std::string_view named = depth ? depth : "";
      text += half_block_picture(resized(image, columns, 2 * rows), named == "truecolor" || named == "24bit");
      break;
    }
  }
  return text + below;
}

}  // namespace calotype::cli

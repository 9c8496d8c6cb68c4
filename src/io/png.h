#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/image.h"

namespace calotype {

/// A text chunk: a keyword of 1 to 79 Latin-1 characters and text in UTF-8.
struct PngText {
  std::string keyword, text;
};

bool is_png(std::span<const std::byte> file);

/// RGB, or RGBA where the file has any transparency; 16 bits are cut to 8, EXIF orientation is applied. Throws
/// `bad_file` for damage, `out_of_memory` beyond the limit of pixels; `where` stands in front of the message.
Image decode_png(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

/// A grey picture of 16 bits as it is stored, transparency and orientation apart; nothing for other kinds. Throws as
/// `decode_png` does.
std::optional<Grey16> decode_png_grey16(std::span<const std::byte> file, std::string_view where,
                                        const ImageLimits& limits = {});

/// Text chunks (plain, packed, international) in the file's order, before and behind the pixels. Damaged ones, and what
/// would exceed the limit, are left out. Throws nothing for a damaged file: what stands before the damage is returned.
std::vector<PngText> png_texts(std::span<const std::byte> file, const ImageLimits& limits = {});

/// 8 bits, 1, 3 or 4 channels. Text goes into tEXt where it is all Latin-1, else into iTXt, as XMP always does;
/// empty text is left out.
std::vector<std::byte> encode_png(const Image& image, std::span<const PngText> texts = {});

std::vector<std::byte> encode_png(const Grey16& image, std::span<const PngText> texts = {});

/// Writes the file whole or not at all. Throws `cannot_write`.
void write_png(const std::filesystem::path& path, const Image& image, std::span<const PngText> texts = {});

}  // namespace calotype

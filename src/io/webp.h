#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "io/image.h"

namespace calotype {

bool is_webp(std::span<const std::byte> file);

/// RGB, or RGBA where the file has transparency; EXIF orientation is applied. Throws `bad_file` for damage,
/// `unsupported` for animations, `out_of_memory` beyond the limit of pixels; `where` stands in front of the message.
Image decode_webp(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

struct WebpChunk {
  std::string_view type;            // four characters: "EXIF", "XMP "
  std::span<const std::byte> data;  // what it holds
};

/// Up to the end or to what is cut short; at most 10,000.
std::vector<WebpChunk> webp_chunks(std::span<const std::byte> file);

struct WebpOptions {
  int quality = 90;  // 0..100; of lossless files, how long to look for a smaller one
  bool lossless = false;
};

/// A picture of 3 or 4 channels, at most 16,383 pixels a side. Blocks that are not empty become chunks of their own.
std::vector<std::byte> encode_webp(const Image& image, const WebpOptions& options, std::span<const std::byte> exif = {},
                                   std::span<const std::byte> xmp = {});

}  // namespace calotype

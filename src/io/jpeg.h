#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "io/image.h"

namespace calotype {

bool is_jpeg(std::span<const std::byte> file);

/// RGB; grey, CMYK and YCCK (inverted, as Adobe writes them) are converted, EXIF orientation is applied. Throws
/// `bad_file` for damage and for a file that ends early, `out_of_memory` beyond the limit of pixels; `where` stands in
/// front of the message.
Image decode_jpeg(std::span<const std::byte> file, std::string_view where, const ImageLimits& limits = {});

/// What stands in front of the pixels: one marker with what follows its length. "Exif" and XMP are in APP1.
struct JpegSegment {
  int marker = 0;  // 0xe1 is APP1
  std::span<const std::byte> data;
};

/// Up to the first scan or to what is cut short; at most 10,000.
std::vector<JpegSegment> jpeg_segments(std::span<const std::byte> file);

/// Baseline JPEG of 1 or 3 channels, colour at full resolution from quality 90 on, else halved; `quality` 1 to 100.
/// `segments` are written behind the first. Each holds at most 65,533 bytes.
std::vector<std::byte> encode_jpeg(const Image& image, int quality, std::span<const JpegSegment> segments = {});

}  // namespace calotype

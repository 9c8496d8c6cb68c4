#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace calotype {

struct PngChunk {
  std::string_view type;             // four letters
  std::span<const std::byte> data;   // what it holds
  std::span<const std::byte> whole;  // with length, type and checksum
  bool intact = false;               // the checksum fits
};

/// Four bytes, the highest first.
uint32_t big_endian(const std::byte* from);

inline constexpr size_t kPngSignature = 8;  // bytes before the first chunk

/// The chunks of a PNG file up to its end or to the first that is cut short. Ancillary ones are counted to 10,000, so a
/// file of a million empty chunks costs no more than its size.
std::vector<PngChunk> png_chunks(std::span<const std::byte> file);

}  // namespace calotype

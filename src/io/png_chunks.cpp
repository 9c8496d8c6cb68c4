#include "io/png_chunks.h"

#include <zlib.h>

#include "io/png.h"

namespace calotype {
uint32_t big_endian(const std::byte* from) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | std::to_integer<uint32_t>(from[i]);
  return value;
}

bool is_png(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  return text.starts_with("\x89PNG\r\n\x1a\n");
}

std::vector<PngChunk> png_chunks(std::span<const std::byte> file) {
  std::vector<PngChunk> chunks;
  size_t ancillary = 0;
  if (!is_png(file)) return chunks;
  for (size_t at = kPngSignature; file.size() - at >= 12;) {
    const uint32_t length = big_endian(&file[at]);
    if (length > file.size() - at - 12) break;
    PngChunk chunk;
    chunk.type = {reinterpret_cast<const char*>(&file[at + 4]), 4};
    chunk.data = file.subspan(at + 8, length);
    chunk.whole = file.subspan(at, length + 12);
    at += length + 12;
    const bool optional = chunk.type[0] & 0x20;
    if (optional && ++ancillary > 10'000) continue;
    const auto* summed = reinterpret_cast<const Bytef*>(&chunk.whole[4]);
    chunk.intact = !optional || crc32_z(0, summed, length + 4) == big_endian(&chunk.whole[length + 8]);
    chunks.push_back(chunk);
    if (chunk.type == "IEND") break;
  }
  return chunks;
}

}  // namespace calotype

// Any bytes are a picture, and written out and read again the same picture, or refused; their texts always come back.

#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "base/error.h"
#include "io/infotext.h"
#include "io/png.h"

namespace {

using namespace calotype;

constexpr ImageLimits kLimits{.max_pixels = 1 << 16, .max_text_bytes = 1 << 16};

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

/// Makes every chunk's check sum right, so that what a mutation changed is read at all.
void mend(std::vector<uint8_t>& file) {
  for (size_t at = 8; at + 12 <= file.size();) {
    const uint64_t length = big_endian(&file[at]);
    if (length > file.size() - at - 12) return;
    const auto sum = static_cast<uint32_t>(crc32(0, &file[at + 4], static_cast<uInt>(length + 4)));
    for (int i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    at += length + 12;
  }
}

void read(std::span<const uint8_t> bytes) {
  const auto file = std::as_bytes(bytes);
  for (const PngText& text : png_texts(file, kLimits)) {
    if (text.keyword.size() > 2 * 79 || text.text.size() > 2 * kLimits.max_text_bytes) std::abort();
    parse_infotext(text.text);
  }
  Image image;
  try {
    image = decode_png(file, "fuzz", kLimits);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_file && error.kind() != ErrorKind::out_of_memory) std::abort();
    return;
  }
  const auto values = static_cast<size_t>(image.width) * image.height * image.channels;
  if (image.pixels.size() != values || int64_t{image.width} * image.height > kLimits.max_pixels) std::abort();
  // RGBA without transparency comes back as RGB, so compare what is seen.
  if (on_white(decode_png(encode_png(image), "fuzz", kLimits)).pixels != on_white(image).pixels) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  read({data, size});
  std::vector<uint8_t> mended(data, data + size);
  mend(mended);
  read(mended);
  return 0;
}

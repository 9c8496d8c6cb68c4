#include "io/png_text.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "io/png.h"
#include "io/png_chunks.h"
#include "io/printable.h"

namespace calotype {
namespace {

/// Splits what stands before the first zero byte off the front; nothing where there is none.
std::optional<std::string_view> take_string(std::string_view& rest) {
  const size_t end = rest.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return taken;
}

std::optional<std::string> international(std::string_view rest, size_t limit) {
  if (rest.size() < 2) return std::nullopt;
  const bool packed = rest[0] == 1;
  if ((rest[0] & ~1) != 0 || (packed && rest[1] != 0)) return std::nullopt;
  rest.remove_prefix(2);
  if (!take_string(rest) || !take_string(rest)) return std::nullopt;  // language, translated keyword
  return packed ? unpacked(rest, limit) : std::optional<std::string>(rest);
}

std::optional<PngText> text_of(const PngChunk& chunk, size_t limit) {
  std::string_view rest(reinterpret_cast<const char*>(chunk.data.data()), chunk.data.size());
  const auto keyword = take_string(rest);
  if (!keyword || keyword->empty() || keyword->size() > 79) return std::nullopt;
  std::optional<std::string> text;
  if (chunk.type == "tEXt") {
    text = from_latin1(rest);
  } else if (chunk.type == "zTXt") {
    if (!rest.empty() && rest[0] == 0) text = unpacked(rest.substr(1), limit);
    if (text) text = from_latin1(*text);
  } else {
    text = international(rest, limit);
    if (text) text = as_utf8(*text);
  }
  if (!text || text->size() > limit) return std::nullopt;
  return PngText{from_latin1(*keyword), std::move(*text)};
}

}  // namespace

std::string from_latin1(std::string_view text) {
  std::string result;
  for (const unsigned char c : text) {
    if (c >= 0x80) result += static_cast<char>(0xc0 | c >> 6);
    result += static_cast<char>(c < 0x80 ? c : 0x80 | (c & 0x3f));
  }
  return result;
}

std::optional<std::string> to_latin1(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (c < 0x80) {
      result += static_cast<char>(c);
    } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size()) {
      result += static_cast<char>((c & 3) << 6 | (static_cast<uint8_t>(text[++i]) & 0x3f));
    } else {
      return std::nullopt;
    }
  }
  return result;
}

std::optional<std::string> unpacked(std::string_view packed, size_t limit) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), UINT32_MAX));
  std::string result;
  int status = Z_OK;
  while (status == Z_OK && result.size() <= limit) {
    char block[16384];
    stream.next_out = reinterpret_cast<Bytef*>(block);
    stream.avail_out = sizeof(block);
    status = inflate(&stream, Z_NO_FLUSH);
    result.append(block, sizeof(block) - stream.avail_out);
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || result.size() > limit) return std::nullopt;
  return result;
}

std::vector<PngText> png_texts(std::span<const std::byte> file, const ImageLimits& limits) {
  std::vector<PngText> texts;
  auto left = static_cast<size_t>(limits.max_text_bytes);
  for (const PngChunk& chunk : png_chunks(file)) {
    if (!chunk.intact || (chunk.type != "tEXt" && chunk.type != "zTXt" && chunk.type != "iTXt")) continue;
    auto text = text_of(chunk, left);
    if (!text) continue;
    left -= text->text.size();
    texts.push_back(std::move(*text));
  }
  return texts;
}

}  // namespace calotype

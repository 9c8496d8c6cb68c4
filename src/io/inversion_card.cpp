#include "io/inversion_card.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.h"
#include "io/json.h"
#include "io/png.h"
#include "io/png_text.h"

namespace calotype {
namespace {

constexpr size_t kMostJson = 16 << 20;

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=' || c == '\n' || c == '\r') continue;
    const size_t digit = kDigits.find(c);
    if (digit == kDigits.npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) >= 8) bytes.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return bytes;
}

InversionFile from_json(std::string_view text, std::string_view where) {
  using nlohmann::json;
  const json card = parse_json(text, where);
  InversionFile file;
  const auto refuse = [&](const char* what) { fail(ErrorKind::bad_file, "{}: {}", where, what); };
  if (!card.is_object() || !card.contains("string_to_param") || !card["string_to_param"].is_object())
    refuse("the card holds no string_to_param");
  const json& terms = card["string_to_param"];
  if (terms.size() != 1) refuse("the card holds vectors for other than one word");
  const json& tensor = terms.front();
  if (!tensor.is_object() || !tensor.contains("TORCHTENSOR") || !tensor["TORCHTENSOR"].is_array())
    refuse("the card's vectors are no list");
  json rows = tensor["TORCHTENSOR"];
  if (!rows.empty() && rows[0].is_number()) rows = json::array({rows});
  file.count = static_cast<int64_t>(rows.size());
  for (const json& row : rows) {
    if (!row.is_array() || (file.width != 0 && static_cast<int64_t>(row.size()) != file.width))
      refuse("the card's vectors differ in length");
    file.width = static_cast<int64_t>(row.size());
    for (const json& value : row) {
      if (!value.is_number()) refuse("the card's vectors hold something that is no number");
      file.values.push_back(value.get<float>());
    }
  }
  if (card.contains("name") && card["name"].is_string()) file.name = file.inside = card["name"].get<std::string>();
  return file;
}

/// The low four bits of a picture without its black borders.
struct Nibbles {
  int width = 0, height = 0;
  std::vector<uint8_t> values;  // [height, width, 3]

  explicit Nibbles(const Image& image) {
    const auto pixel = [&](int x, int y, int c) -> uint8_t {
      return image.pixels[(size_t{1} * y * image.width + x) * image.channels + (image.channels < 3 ? 0 : c)];
    };
    int left = image.width, right = -1, top = image.height, bottom = -1;
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x)
        if (pixel(x, y, 0) != 0 || pixel(x, y, 1) != 0 || pixel(x, y, 2) != 0) {
          left = std::min(left, x), right = std::max(right, x);
          top = std::min(top, y), bottom = std::max(bottom, y);
        }
    width = std::max(0, right - left + 1);
    height = std::max(0, bottom - top + 1);
    values.reserve(size_t{3} * width * height);
    for (int y = top; y <= bottom; ++y)
      for (int x = left; x <= right; ++x)
        for (int c = 0; c < 3; ++c) values.push_back(pixel(x, y, c) & 15);
  }

  bool dark(int x) const {
    for (int y = 0; y < height; ++y)
      for (int c = 0; c < 3; ++c)
        if (values[(size_t{1} * y * width + x) * 3 + c] != 0) return false;
    return true;
  }

  /// Columns [from, to), row by row, each nibble undone by a stream of pseudo-random numbers.
  std::vector<uint8_t> block(int from, int to) const {
    std::vector<uint8_t> block;
    uint32_t state = 1013904223U;
    for (int y = 0; y < height; ++y)
      for (int i = from * 3; i < to * 3; ++i) {
        block.push_back(values[size_t{3} * y * width + i] ^ ((state % 255) & 15));
        state = 1664525U * state + 1013904223U;
      }
    return block;
  }
};

std::string hidden_bytes(const Image& image) {
  const Nibbles nibbles(image);
  int first = -1, last = -1;
  for (int x = 0; x < nibbles.width; ++x)
    if (nibbles.dark(x)) {
      if (first < 0) first = x;
      last = x;
    }
  if (first < 0) return {};
  const std::vector<uint8_t> low = nibbles.block(0, first), high = nibbles.block(last + 1, nibbles.width);
  std::string bytes;
  for (size_t i = 0; i < std::min(low.size(), high.size()); ++i)
    bytes.push_back(static_cast<char>(high[i] << 4 | low[i]));
  return bytes;
}

}  // namespace

InversionFile read_inversion_card(std::span<const std::byte> png, std::string_view where) {
  for (const PngText& text : png_texts(png))
    if (text.keyword == "sd-ti-embedding") {
      const std::optional<std::string> json = from_base64(text.text);
      require(json.has_value(), ErrorKind::bad_file, "{}: the text sd-ti-embedding is no base64", where);
      return from_json(*json, where);
    }
  const std::string hidden = hidden_bytes(decode_png(png, where, {.max_pixels = 16 << 20}));
  const std::optional<std::string> json = unpacked(hidden, kMostJson);
  require(json.has_value(), ErrorKind::bad_file, "{}: a picture without vectors, in text or pixels", where);
  return from_json(*json, where);
}

}  // namespace calotype

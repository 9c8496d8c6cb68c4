#include "io/infotext.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "io/printable.h"

namespace calotype {
namespace {

constexpr std::string_view kNegative = "Negative prompt:";

struct CodePoint {
  uint32_t value;
  size_t length;
};

/// The character at `at` of well-formed UTF-8.
CodePoint code_point(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  uint32_t value = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) value = value << 6 | (static_cast<uint8_t>(text[at + i]) & 0x3fu);
  return {value, length};
}

struct Range {
  uint32_t first, last;
};

template <size_t N>
bool within(const Range (&ranges)[N], uint32_t value) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return value >= range.first && value <= range.last; });
}

bool is_space(uint32_t c) {
  static constexpr Range kSpaces[] = {{9, 13},          {28, 32},         {0x85, 0x85},     {0xa0, 0xa0},
                                      {0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
                                      {0x205f, 0x205f}, {0x3000, 0x3000}};
  return within(kSpaces, c);
}

/// Letters, digits and the underscore. Beyond ASCII it is enough to know the blocks of marks and symbols.
bool is_word(uint32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  static constexpr Range kMarks[] = {
      {0x80, 0xa9},     {0xab, 0xb1},     {0xb4, 0xb4},     {0xb6, 0xb8},     {0xbb, 0xbb},     {0xbf, 0xbf},
      {0xd7, 0xd7},     {0xf7, 0xf7},     {0x300, 0x36f},   {0x2000, 0x206f}, {0x20a0, 0x20ff}, {0x2190, 0x245f},
      {0x2500, 0x2bff}, {0x2e00, 0x2fff}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0xd800, 0xf8ff}, {0xfe00, 0xfe6f},
      {0xff00, 0xff0f}, {0xff1a, 0xff20}, {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff}, {0x1f000, 0x1faff}};
  return !within(kMarks, c);
}

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = code_point(text, 0);
    if (!is_space(c.value)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    size_t last = text.size() - 1;
    while (last > 0 && (static_cast<uint8_t>(text[last]) & 0xc0) == 0x80) --last;
    if (!is_space(code_point(text, last).value)) break;
    text = text.substr(0, last);
  }
  return text;
}

/// A value that begins at `at`: a quoted one that is closed before a comma or the end, else all up to the comma.
std::string_view value_at(std::string_view line, size_t at) {
  if (at < line.size() && line[at] == '"') {
    size_t end = at + 1;
    while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
    if (end < line.size() && end > at + 1 && (end + 1 == line.size() || line[end + 1] == ','))
      return line.substr(at, end + 1 - at);
  }
  return line.substr(at, std::min(line.find(',', at), line.size()) - at);
}

struct Pair {
  std::string_view key, value;
};

/// All `key: value` of a line, wherever they stand. A key is a word character, then one or more of those, space, - and
/// /.
std::vector<Pair> pairs_of(std::string_view line) {
  std::vector<Pair> pairs;
  for (size_t at = 0; at < line.size();) {
    const CodePoint first = code_point(line, at);
    size_t end = at + first.length;
    if (!is_word(first.value)) {
      at = end;
      continue;
    }
    while (end < line.size()) {
      const CodePoint c = code_point(line, end);
      if (!is_word(c.value) && c.value != ' ' && c.value != '-' && c.value != '/') break;
      end += c.length;
    }
    if (end >= line.size() || line[end] != ':' || end == at + first.length) {
      at = end;  // no key begins within this stretch either: all of it runs up to the same character
      continue;
    }
    size_t begin = end + 1;
    while (begin < line.size() && is_space(code_point(line, begin).value)) begin += code_point(line, begin).length;
    const std::string_view value = value_at(line, begin);
    pairs.push_back({line.substr(at, end - at), value});
    at = begin + value.size();
    if (at < line.size()) ++at;  // the comma
  }
  return pairs;
}

std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    const auto decoded = nlohmann::json::parse(value, nullptr, false);
    if (decoded.is_string()) return decoded.get<std::string>();
  }
  return std::string(value);
}

/// Where the value reads WIDTHxHEIGHT: where the x stands.
std::optional<size_t> middle_of_size(std::string_view value) {
  const auto digits = [](std::string_view part) {
    return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
  };
  const size_t x = value.find('x');
  if (x == std::string_view::npos || !digits(value.substr(0, x)) || !digits(value.substr(x + 1))) return std::nullopt;
  return x;
}

void append_line(std::string& text, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += line;
}

}  // namespace

const std::string* Infotext::find(std::string_view key) const {
  for (const auto& [name, value] : settings)
    if (name == key) return &value;
  return nullptr;
}

std::string write_infotext(const Infotext& infotext) {
  std::string settings;
  for (const auto& [key, value] : infotext.settings) {
    if (value.empty()) continue;
    if (!settings.empty()) settings += ", ";
    settings += key;
    if (value == key) continue;
    const bool plain = value.find_first_of(",:\n") == std::string::npos;
    settings += ": " + (plain ? value : nlohmann::json(as_utf8(value)).dump());
  }
  std::string text = infotext.prompt;
  if (!infotext.negative.empty()) text += "\nNegative prompt: " + infotext.negative;
  text += "\n" + settings;
  const std::string valid = as_utf8(text);
  return std::string(stripped(valid));
}

Infotext parse_infotext(std::string_view raw) {
  const std::string valid = as_utf8(raw);
  std::string_view text = stripped(valid);
  Infotext result;
  const size_t last_feed = text.rfind('\n');
  const std::string_view last = text.substr(last_feed == std::string_view::npos ? 0 : last_feed + 1);
  const std::vector<Pair> pairs = pairs_of(last);
  const bool has_settings = pairs.size() >= 3;
  if (has_settings) text = text.substr(0, last_feed == std::string_view::npos ? 0 : last_feed);

  bool negative = false;
  while (!text.empty() || !has_settings) {
    const size_t feed = std::min(text.find('\n'), text.size());
    std::string_view line = stripped(text.substr(0, feed));
    if (line.starts_with(kNegative)) {
      negative = true;
      line = stripped(line.substr(kNegative.size()));
    }
    append_line(negative ? result.negative : result.prompt, line);
    if (feed == text.size()) break;
    text.remove_prefix(feed + 1);
  }
  if (!has_settings) return result;

  std::unordered_map<std::string, size_t> place;
  const auto set = [&](std::string key, std::string value) {
    const auto [at, is_new] = place.emplace(key, result.settings.size());
    if (is_new)
      result.settings.emplace_back(std::move(key), std::move(value));
    else
      result.settings[at->second].second = std::move(value);
  };
  for (const Pair& pair : pairs) {
    if (pair.value.empty()) continue;
    const std::string key(pair.key);
    std::string value = unquoted(pair.value);
    if (const auto middle = middle_of_size(value)) {
      set(key + "-1", value.substr(0, *middle));
      set(key + "-2", value.substr(*middle + 1));
    } else {
      set(key, std::move(value));
    }
  }
  return result;
}

}  // namespace calotype

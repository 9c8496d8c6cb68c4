#include "text/html_entities.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "text/embedded.h"

namespace calotype {

namespace {

struct NamedCharacter {
  std::u32string characters;
  bool capitals = false;  // ftfy's, not HTML's
};

using NamedCharacters = std::unordered_map<std::string_view, NamedCharacter>;

NamedCharacters read_named_characters(std::string_view table) {
  NamedCharacters names;
  names.reserve(static_cast<size_t>(std::count(table.begin(), table.end(), '\n')));
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    const auto next_field = [&] {
      const std::string_view field = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(line.size(), field.size() + 1));
      return field;
    };
    NamedCharacter& entry = names[next_field()];
    while (!line.empty()) {
      const std::string_view field = next_field();
      uint32_t value = 0;
      if (field == "caps") {
        entry.capitals = true;
      } else if (std::from_chars(field.data(), field.data() + field.size(), value, 16).ec == std::errc()) {
        entry.characters.push_back(value);
      }
    }
  }
  return names;
}

const NamedCharacters& named_characters() {
  static const NamedCharacters names = read_named_characters(embedded_named_characters());
  return names;
}

/// The name's characters; names are ASCII, so anything else is none.
const NamedCharacter* find_name(std::u32string_view name) {
  std::string ascii;
  for (const char32_t c : name) {
    if (c >= 0x80) return nullptr;
    ascii.push_back(static_cast<char>(c));
  }
  const auto found = named_characters().find(ascii);
  return found == named_characters().end() ? nullptr : &found->second;
}

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char32_t c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_ascii_alphanumeric(char32_t c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Characters that HTML names no reference to: they vanish.
bool is_forbidden(char32_t c) {
  return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || (c >= 0x7F && c <= 0x9F) ||
         (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

struct Reference {
  size_t length;  // from the & on
  std::u32string characters;
};

/// `text` begins with "&#". Nothing when no digits follow.
std::optional<Reference> numeric_reference(std::u32string_view text) {
  const bool hex = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const size_t first = hex ? 3 : 2;
  size_t end = first;
  char32_t value = 0;
  for (; end < text.size() && (hex ? is_hex_digit(text[end]) : is_digit(text[end])); ++end) {
    const char32_t c = text[end];
    value = value * (hex ? 16 : 10) + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    value = std::min<char32_t>(value, 0x110000);  // too great, and stays so
  }
  if (end == first) return std::nullopt;
  if (end < text.size() && text[end] == ';') ++end;
  if (value == 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return Reference{end, U"\uFFFD"};
  if (value >= 0x80 && value <= 0x9F) return Reference{end, std::u32string(1, windows_1252(value))};
  if (is_forbidden(value)) return Reference{end, U""};
  return Reference{end, std::u32string(1, value)};
}

/// `text` begins with "&" and no number: the whole name, or else the longest name that it begins with.
std::optional<Reference> named_reference(std::u32string_view text) {
  constexpr size_t kLongestName = 32;
  constexpr std::u32string_view kEnds = U"\t\n\f <&#;";
  size_t end = 1;
  while (end < text.size() && end <= kLongestName && kEnds.find(text[end]) == kEnds.npos) ++end;
  if (end == 1) return std::nullopt;
  if (end < text.size() && text[end] == ';') ++end;
  const size_t whole = end;
  for (; end > 2; --end) {  // no name is shorter than two characters
    const NamedCharacter* found = find_name(text.substr(1, end - 1));
    if (found == nullptr || found->capitals) continue;
    return Reference{whole, found->characters + std::u32string(text.substr(end, whole - end))};
  }
  return std::nullopt;
}

std::optional<Reference> reference(std::u32string_view text) {
  return text.size() > 1 && text[1] == '#' ? numeric_reference(text) : named_reference(text);
}

/// A reference of ftfy's form: & # letters and digits ; where # may be left out.
std::optional<Reference> strict_reference(std::u32string_view text) {
  constexpr size_t kLongestName = 24;
  const bool number = text.size() > 1 && text[1] == '#';
  const size_t first = number ? 2 : 1;
  size_t end = first;
  while (end < text.size() && end - first < kLongestName && is_ascii_alphanumeric(text[end])) ++end;
  if (end == first || end == text.size() || text[end] != ';') return std::nullopt;
  ++end;
  if (!number) {
    const NamedCharacter* found = find_name(text.substr(1, end - 1));
    return found == nullptr ? std::nullopt : std::optional(Reference{end, found->characters});
  }
  std::optional<Reference> whole = numeric_reference(text);
  // Part of it left over, or a semicolon made: ftfy leaves both alone.
  if (!whole || whole->length != end || whole->characters == U";") return std::nullopt;
  return whole;
}

template <class Find>
std::u32string replace_references(std::u32string_view text, Find find) {
  std::u32string out;
  out.reserve(text.size());
  while (true) {
    const size_t ampersand = std::min(text.find('&'), text.size());
    out += text.substr(0, ampersand);
    text.remove_prefix(ampersand);
    if (text.empty()) return out;
    if (const std::optional<Reference> found = find(text)) {
      out += found->characters;
      text.remove_prefix(found->length);
    } else {
      out.push_back('&');
      text.remove_prefix(1);
    }
  }
}

}  // namespace

std::u32string unescape_html(std::u32string_view text) {
  return replace_references(text, reference);
}

std::u32string unescape_html_strictly(std::u32string_view text) {
  return replace_references(text, strict_reference);
}

char32_t windows_1252(char32_t control) {
  static constexpr char32_t kTable[32] = {0x20AC, 0x81,   0x201A, 0x192,  0x201E, 0x2026, 0x2020, 0x2021,
                                          0x2C6,  0x2030, 0x160,  0x2039, 0x152,  0x8D,   0x17D,  0x8F,
                                          0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                          0x2DC,  0x2122, 0x161,  0x203A, 0x153,  0x9D,   0x17E,  0x178};
  return control >= 0x80 && control <= 0x9F ? kTable[control - 0x80] : control;
}

}  // namespace calotype

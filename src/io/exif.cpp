#include "io/exif.h"

#include <algorithm>
#include <cstdint>

#include "io/printable.h"

namespace calotype {
namespace {

// Tags (EXIF 2.3, section 4.6) and the pointer to the second directory.
constexpr uint32_t kMake = 0x010f, kModel = 0x0110, kOrientation = 0x0112, kSoftware = 0x0131, kExifDirectory = 0x8769,
                   kMakerNote = 0x927c, kUserComment = 0x9286;
constexpr uint32_t kByte = 1, kText = 2, kShort = 3, kLong = 4, kUndefined = 7;
constexpr size_t kCharset = 8;      // bytes in front of a comment that name its encoding
constexpr uint32_t kEntries = 500;  // of a directory that are looked at

class Tiff {
 public:
  explicit Tiff(std::span<const std::byte> block) : block_(block) {
    const uint32_t order =
        block.size() < 8 ? 0 : std::to_integer<uint32_t>(block[0]) << 8 | std::to_integer<uint32_t>(block[1]);
    big_ = order == 0x4d4d;
    readable_ = (big_ || order == 0x4949) && number(2, 2) == 42;
  }
  bool readable() const { return readable_; }

  /// 0 where it lies beyond the end.
  uint32_t number(size_t at, size_t bytes) const {
    if (at > block_.size() || block_.size() - at < bytes) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i)
      value = value << 8 | std::to_integer<uint32_t>(block_[at + (big_ ? i : bytes - 1 - i)]);
    return value;
  }

  struct Entry {
    uint32_t tag, number;
    std::string_view bytes;  // empty where they lie beyond the end, or are neither text nor bytes
  };
  template <class Visit>
  void for_entries(size_t directory, const Visit& visit) const {
    const uint32_t count = std::min(number(directory, 2), kEntries);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t at = directory + 2 + size_t{12} * i;
      if (at >= block_.size() || block_.size() - at < 12) return;
      const uint32_t type = number(at + 2, 2), size = number(at + 4, 4);
      Entry entry{number(at, 2), type == kShort ? number(at + 8, 2) : number(at + 8, 4), {}};
      const size_t from = size <= 4 ? at + 8 : number(at + 8, 4);
      if ((type == kByte || type == kText || type == kUndefined) && from <= block_.size() &&
          size <= block_.size() - from)
        entry.bytes = {reinterpret_cast<const char*>(block_.data()) + from, size};
      visit(entry);
    }
  }
  bool big() const { return big_; }

 private:
  std::span<const std::byte> block_;
  bool big_ = false, readable_ = false;
};

std::string_view without_zeros(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

/// Neither programs nor the standard agree on the byte order of UTF-16 here. Text of any script has far more zero
/// bytes, or bytes of few high values, in the upper half: spaces, digits and signs are in every prompt.
std::string utf16_text(std::string_view bytes, bool big) {
  size_t even = 0, odd = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    even += bytes[i] == 0;
    odd += bytes[i + 1] == 0;
  }
  if (bytes.starts_with("\xfe\xff")) {
    big = true;
    bytes.remove_prefix(2);
  } else if (bytes.starts_with("\xff\xfe")) {
    big = false;
    bytes.remove_prefix(2);
  } else if (even != odd) {
    big = even > odd;
  }
  std::vector<char16_t> units;
  units.reserve(bytes.size() / 2);
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const auto first = static_cast<uint8_t>(bytes[i]), second = static_cast<uint8_t>(bytes[i + 1]);
    units.push_back(static_cast<char16_t>(big ? first << 8 | second : second << 8 | first));
  }
  while (!units.empty() && units.back() == 0) units.pop_back();
  return from_utf16(units);
}

std::string comment_text(std::string_view bytes, bool big) {
  const std::string_view charset = bytes.substr(0, kCharset);
  const bool named = charset == std::string_view("ASCII\0\0\0", 8) || charset == std::string_view("JIS\0\0\0\0\0", 8) ||
                     charset == std::string_view("\0\0\0\0\0\0\0\0", 8);
  if (charset == std::string_view("UNICODE\0", 8)) {
    const std::string_view text = bytes.substr(kCharset);
    // Some write UTF-8 under this name. Real UTF-16 of such text has zero bytes or is not well-formed UTF-8.
    if (text.find('\0') == std::string_view::npos && is_utf8(text)) return std::string(text);
    return utf16_text(text, big);
  }
  return as_utf8(without_zeros(named ? bytes.substr(kCharset) : bytes));
}

void append(std::vector<std::byte>& to, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) to.push_back(static_cast<std::byte>(value >> shift & 255));
}

}  // namespace

std::string from_utf16(std::span<const char16_t> units) {
  std::string text;
  for (size_t i = 0; i < units.size(); ++i) {
    uint32_t c = units[i];
    if (c >= 0xd800 && c < 0xdc00 && i + 1 < units.size() && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (units[++i] - 0xdc00u);
    } else if (c >= 0xd800 && c < 0xe000) {
      c = 0xfffd;
    }
    if (c == 0) continue;
    if (c < 0x80) {
      text += static_cast<char>(c);
      continue;
    }
    const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    constexpr uint8_t kFirst[] = {0, 0xc0, 0xe0, 0xf0};
    text += static_cast<char>(kFirst[more] | c >> (6 * more));
    for (int shift = 6 * (more - 1); shift >= 0; shift -= 6) text += static_cast<char>(0x80 | (c >> shift & 0x3f));
  }
  return text;
}

std::vector<char16_t> to_utf16(std::string_view utf8) {
  const std::string text = as_utf8(utf8);
  std::vector<char16_t> units;
  units.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<uint8_t>(text[i]);
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t c = length == 1 ? first : first & (0x7fu >> length);
    for (size_t k = 1; k < length; ++k) c = c << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3fu);
    i += length;
    if (c < 0x10000) {
      units.push_back(static_cast<char16_t>(c));
    } else {
      units.push_back(static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10)));
      units.push_back(static_cast<char16_t>(0xdc00 + ((c - 0x10000) & 0x3ff)));
    }
  }
  return units;
}

Exif read_exif(std::span<const std::byte> block, size_t most) {
  const std::string_view start(reinterpret_cast<const char*>(block.data()), std::min<size_t>(block.size(), 6));
  if (start == std::string_view("Exif\0\0", 6)) block = block.subspan(6);
  const Tiff tiff(block);
  Exif exif;
  if (!tiff.readable()) return exif;
  uint32_t second = 0;
  bool oriented = false;
  const auto text = [&](std::string_view bytes) {
    return bytes.size() > most ? std::string() : as_utf8(without_zeros(bytes));
  };
  tiff.for_entries(tiff.number(4, 4), [&](const Tiff::Entry& entry) {
    if (entry.tag == kOrientation && !oriented) {
      oriented = true;
      if (entry.number >= 1 && entry.number <= 8) exif.orientation = static_cast<int>(entry.number);
    }
    if (entry.tag == kMake) exif.make = text(entry.bytes);
    if (entry.tag == kModel) exif.model = text(entry.bytes);
    if (entry.tag == kSoftware) exif.software = text(entry.bytes);
    if (entry.tag == kExifDirectory) second = entry.number;
  });
  if (second == 0) return exif;
  tiff.for_entries(second, [&](const Tiff::Entry& entry) {
    if (entry.tag == kMakerNote) exif.maker_note = text(entry.bytes);
    if (entry.tag == kUserComment && entry.bytes.size() <= most)
      exif.user_comment = comment_text(entry.bytes, tiff.big());
  });
  return exif;
}

std::vector<std::byte> write_exif(std::string_view user_comment) {
  const std::vector<char16_t> units = to_utf16(user_comment);
  std::vector<std::byte> block;
  constexpr uint32_t kHeader = 8, kDirectory = 2 + 12 + 4;  // one entry, no further directory
  const auto directory = [&](uint32_t tag, uint32_t type, uint32_t count, uint32_t value) {
    append(block, 1, 2);
    append(block, tag, 2);
    append(block, type, 2);
    append(block, count, 4);
    append(block, value, 4);
    append(block, 0, 4);
  };
  append(block, 0x4d4d002a, 4);
  append(block, kHeader, 4);
  directory(kExifDirectory, kLong, 1, kHeader + kDirectory);
  directory(kUserComment, kUndefined, static_cast<uint32_t>(kCharset + 2 * units.size()), kHeader + 2 * kDirectory);
  for (const char c : std::string_view("UNICODE\0", kCharset)) block.push_back(static_cast<std::byte>(c));
  for (const char16_t unit : units) append(block, unit, 2);
  return block;
}

}  // namespace calotype

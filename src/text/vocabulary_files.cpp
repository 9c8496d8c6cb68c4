#include "text/vocabulary_files.h"

#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/vocabulary.h"

namespace calotype {
namespace {

/// The character that stands for a byte in these files: itself where it is printable Latin-1, else one from U+0100 on.
std::vector<std::string> byte_characters() {
  std::vector<std::string> printable, others;
  const auto utf8 = [](unsigned code) {
    if (code < 128) return std::string(1, static_cast<char>(code));
    return std::string{static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 63))};
  };
  for (unsigned byte = 0; byte < 256; ++byte) {
    if ((byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173))
      printable.push_back(utf8(byte));
    else
      others.push_back(utf8(256 + static_cast<unsigned>(others.size())));
  }
  printable.insert(printable.end(), others.begin(), others.end());
  return printable;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + '"';
}

int64_t merges_of(int64_t size) {
  check(size >= 514 && size <= kVocabularySize, "a vocabulary of {} ids", size);
  return size - 514;
}

/// Calls `visit(left, right)` for the first merges.
template <class Visit>
void for_each_merge(int64_t count, const Visit& visit) {
  const std::string text = clip_merges_text();
  std::string_view rest = text;
  const auto next_line = [&] {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    return line;
  };
  next_line();
  for (int64_t i = 0; i < count; ++i) {
    const std::string_view line = next_line();
    const size_t blank = line.find(' ');
    visit(line.substr(0, blank), line.substr(blank + 1));
  }
}

}  // namespace

std::string vocabulary_json(int64_t size) {
  std::string json = "{";
  int64_t id = 0;
  const auto add = [&](std::string_view symbol) {
    json += (id == 0 ? "" : ", ") + quoted(symbol) + ": " + std::to_string(id);
    ++id;
  };
  const std::vector<std::string> characters = byte_characters();
  for (const std::string& one : characters) add(one);
  for (const std::string& one : characters) add(one + "</w>");
  for_each_merge(merges_of(size),
                 [&](std::string_view left, std::string_view right) { add(std::string(left).append(right)); });
  add("<|startoftext|>");
  add("<|endoftext|>");
  return json + "}";
}

std::string merges_text(int64_t size) {
  std::string text = "#version: 0.2\n";
  for_each_merge(merges_of(size), [&](std::string_view left, std::string_view right) {
    text.append(left).append(" ").append(right).append("\n");
  });
  return text;
}

}  // namespace calotype

#include "text/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/error.h"
#include "text/unicode.h"

namespace calotype {

void fail_too_deep(size_t at) {
  fail(ErrorKind::bad_input,
       "prompt: more than {} brackets are open at character {}; write a weight as (text:1.5), and \\( for a bracket "
       "itself",
       kDeepestBrackets, at + 1);
}

bool is_blank(char32_t c) {
  return is_space(c) || (c >= 0x1C && c <= 0x1F);
}

bool is_word_character(char32_t c) {
  return c == '_' || is_letter(c) || is_number(c);
}

size_t skip_blanks(std::u32string_view text, size_t from) {
  while (from < text.size() && is_blank(text[from])) ++from;
  return from;
}

size_t find_whole_word(std::u32string_view text, std::u32string_view word, size_t from) {
  for (size_t at = text.find(word, from); at != text.npos; at = text.find(word, at + 1)) {
    const size_t end = at + word.size();
    if ((at == 0 || !is_word_character(text[at - 1])) && (end == text.size() || !is_word_character(text[end])))
      return at;
  }
  return text.npos;
}

std::optional<double> decimal_number(std::u32string_view text) {
  constexpr size_t kLongest = 64;
  std::string plain;
  for (const char32_t c : text.substr(0, kLongest + 1)) plain.push_back(c < 0x80 ? static_cast<char>(c) : '?');
  if (plain.starts_with('+')) plain.erase(0, 1);
  if (plain.empty() || plain.size() > kLongest || plain[0] == '+') return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error != std::errc() || end != plain.data() + plain.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

void PromptNotes::add(std::string line) {
  constexpr size_t kMost = 20;
  if (lines_.size() < kMost && std::ranges::find(lines_, line) == lines_.end()) lines_.push_back(std::move(line));
}

void PromptNotes::add_at(std::string_view what, std::u32string_view text, size_t place) {
  constexpr size_t kBefore = 8, kShown = 20;
  const size_t begin = place > kBefore ? place - kBefore : 0;
  add(fmt::format("{} at character {}, in \"{}\"", what, place + 1, encode_utf8(text.substr(begin, kShown))));
}

}  // namespace calotype

#include "text/splitting.h"

#include "text/unicode.h"

namespace calotype {

namespace {

constexpr std::u32string_view kEndings[] = {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"};
constexpr char32_t kLongS = 0x17F;

bool begins_with(std::u32string_view text, std::u32string_view literal, bool ignore_case) {
  if (text.size() < literal.size()) return false;
  for (size_t i = 0; i < literal.size(); ++i) {
    const bool same = text[i] == literal[i] || (ignore_case && text[i] == kLongS && literal[i] == 's');
    if (!same) return false;
  }
  return true;
}

template <class Accepts>
size_t run_length(std::u32string_view text, Accepts accepts) {
  size_t length = 0;
  while (length < text.size() && accepts(text[length])) ++length;
  return length;
}

size_t word_length(std::u32string_view text, std::span<const SpecialToken> specials, bool ignore_case) {
  for (const SpecialToken& special : specials) {
    if (begins_with(text, special.text, ignore_case)) return special.text.size();
  }
  for (const std::u32string_view ending : kEndings) {
    if (begins_with(text, ending, ignore_case)) return ending.size();
  }
  if (is_letter(text[0])) return run_length(text, is_letter);
  if (is_number(text[0])) return 1;
  return run_length(text, [](char32_t c) { return !is_space(c) && !is_letter(c) && !is_number(c); });
}

}  // namespace

std::optional<WordPlace> next_word(std::u32string_view text, size_t from, std::span<const SpecialToken> specials,
                                   bool ignore_case) {
  while (from < text.size() && is_space(text[from])) ++from;
  if (from >= text.size()) return std::nullopt;
  return WordPlace{from, from + word_length(text.substr(from), specials, ignore_case)};
}

std::optional<SpecialPlace> next_special(std::u32string_view text, size_t from,
                                         std::span<const SpecialToken> specials) {
  if (specials.empty()) return std::nullopt;
  for (size_t begin = from; begin < text.size(); ++begin) {
    std::optional<SpecialPlace> longest;
    for (const SpecialToken& special : specials) {
      const size_t end = begin + special.text.size();
      if (begins_with(text.substr(begin), special.text, false) && (!longest || end > longest->end)) {
        longest = SpecialPlace{begin, end, special.id};
      }
    }
    if (longest) return longest;
  }
  return std::nullopt;
}

}  // namespace calotype

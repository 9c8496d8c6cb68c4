#include "text/composition.h"

#include "base/error.h"
#include "text/grammar.h"
#include "text/unicode.h"

namespace calotype {
namespace {

std::u32string_view without_last_blanks(std::u32string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Digits with an optional sign and point, and no exponent.
bool is_weight(std::u32string_view text) {
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of(U"0123456789.") == text.npos;
}

ComposedPart part_of(std::u32string_view text) {
  text = without_last_blanks(text);
  if (const size_t colon = text.rfind(':'); colon != text.npos) {
    const std::u32string_view number = text.substr(skip_blanks(text, colon + 1));
    if (is_weight(number))
      if (const auto weight = decimal_number(number))
        return {encode_utf8(without_last_blanks(text.substr(0, colon))), *weight};
  }
  return {encode_utf8(text), 1};
}

}  // namespace

std::vector<ComposedPart> read_composition(std::string_view prompt) {
  constexpr std::u32string_view kAnd = U"AND";
  const std::u32string decoded = decode_utf8(prompt);
  const std::u32string_view text = decoded;
  std::vector<ComposedPart> parts;
  size_t begin = 0;
  for (size_t at; (at = find_whole_word(text, kAnd, begin)) != text.npos; begin = at + kAnd.size()) {
    parts.push_back(part_of(text.substr(begin, at - begin)));
    require(parts.size() < kMostParts, ErrorKind::bad_input,
            "prompt: AND joins more than {} parts, which is as many as are read; leave some out", kMostParts);
  }
  parts.push_back(part_of(text.substr(begin)));
  return parts;
}

}  // namespace calotype

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace calotype {

/// A literal that stands for one id wherever its rules find it.
struct SpecialToken {
  std::u32string_view text;
  int id;
};

/// CLIP's pattern: the next word of `text` at or after `from`, which is a special token, an English ending ('s 't 're
/// 've 'm 'll 'd), a run of letters, one number character, or a run of anything else but blanks. Nothing when only
/// blanks are left. `ignore_case`: the text is lower case already, so all this adds is the long s (U+017F) for an s of
/// a literal.
struct WordPlace {
  size_t begin, end;
};
std::optional<WordPlace> next_word(std::u32string_view text, size_t from, std::span<const SpecialToken> specials,
                                   bool ignore_case);

/// The first occurrence of a literal at or after `from`, the longest where several begin there.
struct SpecialPlace {
  size_t begin, end;
  int id;
};
std::optional<SpecialPlace> next_special(std::u32string_view text, size_t from, std::span<const SpecialToken> specials);

}  // namespace calotype

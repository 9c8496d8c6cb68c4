#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

// What the readers of prompts share. All work on decoded text, so that a byte that is no UTF-8 is a character too.

/// How many brackets may be open at one place. Honest prompts have five; each level costs a pass over what is inside.
inline constexpr size_t kDeepestBrackets = 250;

/// Throws `bad_input`: what to do where there are more. `at` counts characters.
[[noreturn]] void fail_too_deep(size_t at);

bool is_blank(char32_t c);           ///< White_Space, and the four separators U+001C .. U+001F
bool is_word_character(char32_t c);  ///< a letter, a number or an underscore

size_t skip_blanks(std::u32string_view text, size_t from);

/// The first place at or after `from` where `word` stands as a whole word, or npos.
size_t find_whole_word(std::u32string_view text, std::u32string_view word, size_t from);

/// The finite number that the whole of `text` is, in the C locale's decimal notation; a plus may precede it.
std::optional<double> decimal_number(std::u32string_view text);

/// What a reader did not understand, or understood otherwise than it may be meant: lines for the user. The first few
/// are kept.
class PromptNotes {
 public:
  void add(std::string line);
  /// "... at character 12 (near "abc")", counting from 1.
  void add_at(std::string_view what, std::u32string_view text, size_t place);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

}  // namespace calotype

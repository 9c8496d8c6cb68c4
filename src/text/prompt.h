#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace calotype {

/// How many tokens a text encoder takes at once, start and end included.
inline constexpr int kContextLength = 77;

/// A text as a text encoder takes it: start, at most 75 tokens, end, and padding up to 77. The encoder masks nothing,
/// and the network attends to the padding too, so what it is filled with matters.
struct FramedPrompt {
  std::array<int32_t, kContextLength> ids;
  int end;  ///< where the end token is: one more than the tokens of the text that were kept

  /// What did not fit, in words as blanks part them: their number, and the first ten (from the first token lost on, in
  /// the cleaned text's lower case, the very long ones shortened).
  int64_t dropped_words = 0;
  std::vector<std::string> first_dropped;

  /// One line for the user, or nothing where everything fitted.
  std::string warning() const;
};

/// Frames one text. The cost grows with its length; nothing that it holds is an error.
FramedPrompt frame(std::string_view text, const Tokenizer& tokenizer = Tokenizer::clip());

}  // namespace calotype

#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/prompt.h"

namespace calotype {

/// A text of any length as the web interface takes it: in chunks of 75 tokens, each framed to 77 and encoded by itself.
struct ChunkedPrompt {
  std::vector<std::array<int32_t, kContextLength>> chunks;  // one at least
  int64_t token_count = 0;                                  // 75 for each chunk but the last, and the last one's own
};

/// A full chunk whose last comma is at most `backtrack` tokens from its end is cut behind that comma. Nothing in the
/// text has a meaning beside the words.
ChunkedPrompt in_chunks(std::string_view text, const Tokenizer& tokenizer = Tokenizer::clip(), int backtrack = 20);

}  // namespace calotype

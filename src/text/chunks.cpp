#include "text/chunks.h"

#include <algorithm>

namespace calotype {
namespace {

constexpr size_t kTokensOfChunk = kContextLength - 2;
constexpr size_t kNowhere = static_cast<size_t>(-1);

std::array<int32_t, kContextLength> framed(const std::vector<int32_t>& tokens, int32_t padding) {
  std::array<int32_t, kContextLength> ids;
  ids.fill(padding);
  ids[0] = kStartOfText;
  std::ranges::copy(tokens, ids.begin() + 1);
  ids[tokens.size() + 1] = kEndOfText;
  return ids;
}

}  // namespace

ChunkedPrompt in_chunks(std::string_view text, const Tokenizer& tokenizer, int backtrack) {
  const int32_t comma = Tokenizer::clip().encode(",").front();
  ChunkedPrompt result;
  std::vector<int32_t> chunk;
  size_t last_comma = kNowhere;
  const auto close = [&] {
    result.token_count += static_cast<int64_t>(kTokensOfChunk);
    result.chunks.push_back(framed(chunk, tokenizer.pad_id()));
    chunk.clear();
    last_comma = kNowhere;
  };
  for (const int32_t token : tokenizer.encode(text)) {
    const bool full = chunk.size() == kTokensOfChunk;
    if (token == comma) {
      last_comma = chunk.size();
    } else if (full && last_comma != kNowhere && chunk.size() - last_comma <= static_cast<size_t>(backtrack)) {
      const std::vector<int32_t> rest(chunk.begin() + static_cast<int64_t>(last_comma) + 1, chunk.end());
      chunk.resize(last_comma + 1);
      close();
      chunk = rest;
    }
    if (chunk.size() == kTokensOfChunk) close();
    chunk.push_back(token);
  }
  if (!chunk.empty() || result.chunks.empty()) {
    const auto length = static_cast<int64_t>(chunk.size());
    close();
    result.token_count += length - static_cast<int64_t>(kTokensOfChunk);
  }
  return result;
}

}  // namespace calotype

// Any bytes are a text: the first chooses the rules, the rest are encoded, framed and decoded, and nothing is an error.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "text/prompt.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  if (size == 0) return 0;
  constexpr int kRules = static_cast<int>(TokenizerRules::hugging_face_sd2_ftfy) + 1;
  const Tokenizer& tokenizer = Tokenizer::clip(static_cast<TokenizerRules>(data[0] % kRules));
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto ids = tokenizer.encode(text);
  for (const int32_t id : ids) {
    if (id < 0 || id >= kVocabularySize) std::abort();
  }
  // Every decoded text is UTF-8 again.
  const std::string decoded = tokenizer.decode(ids);
  if (encode_utf8(decode_utf8(decoded)) != decoded) std::abort();

  const FramedPrompt prompt = frame(text, tokenizer);
  const size_t kept = std::min<size_t>(ids.size(), kContextLength - 2);
  if (prompt.end != static_cast<int>(kept) + 1 || prompt.ids[kept + 1] != kEndOfText) std::abort();
  if (!std::equal(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(kept), prompt.ids.begin() + 1)) std::abort();
  if ((ids.size() > kept) != (prompt.dropped_words > 0) || prompt.first_dropped.size() > 10) std::abort();
  if (prompt.warning().size() > 2000) std::abort();
  return 0;
}

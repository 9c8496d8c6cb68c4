#include "text/prompt.h"

#include <fmt/format.h>

#include <algorithm>

#include "text/unicode.h"

namespace calotype {

namespace {

constexpr std::string_view kEllipsis = "\u2026";

/// Collects the words that did not fit. A word of the prompt, as blanks part them, is one or more words of the
/// tokenizer.
class DroppedWords {
 public:
  explicit DroppedWords(FramedPrompt& prompt) : prompt_(prompt) {}

  void add(const Tokenizer::Word& word) {
    constexpr int64_t kShown = 10;
    if (prompt_.dropped_words == 0 || word.after_blank) {
      ++prompt_.dropped_words;
      letters_ = 0;
      if (prompt_.dropped_words <= kShown) prompt_.first_dropped.emplace_back();
    }
    if (prompt_.dropped_words <= kShown) show(word.text);
  }

 private:
  void show(std::u32string_view text) {
    constexpr size_t kLetters = 40;
    std::string& word = prompt_.first_dropped.back();
    const size_t shown = std::min(text.size(), kLetters - letters_);
    word += encode_utf8(text.substr(0, shown));
    letters_ += shown;
    if (shown < text.size() && !word.ends_with(kEllipsis)) word += kEllipsis;
  }

  FramedPrompt& prompt_;
  size_t letters_ = 0;  // of the last word shown
};

}  // namespace

FramedPrompt frame(std::string_view text, const Tokenizer& tokenizer) {
  constexpr size_t kRoom = kContextLength - 2;
  FramedPrompt prompt{};
  DroppedWords dropped(prompt);
  std::vector<int32_t> ids;
  tokenizer.for_each_word(text, [&](const Tokenizer::Word& word) {
    if (ids.size() < kRoom) {
      tokenizer.append_ids(word, ids);
      if (ids.size() <= kRoom) return;
    }
    dropped.add(word);
  });
  ids.resize(std::min(ids.size(), kRoom));
  prompt.end = static_cast<int>(ids.size()) + 1;
  prompt.ids.fill(tokenizer.pad_id());
  prompt.ids.front() = kStartOfText;
  std::copy(ids.begin(), ids.end(), prompt.ids.begin() + 1);
  prompt.ids[static_cast<size_t>(prompt.end)] = kEndOfText;
  return prompt;
}

std::string FramedPrompt::warning() const {
  if (dropped_words == 0) return {};
  std::string listed;
  for (const std::string& word : first_dropped) listed.append(listed.empty() ? "" : " ").append(word);
  if (dropped_words > static_cast<int64_t>(first_dropped.size())) listed.append(" ").append(kEllipsis);
  return fmt::format("prompt: {} tokens fit, so the last {} left out: \"{}\"; shorten it to have them count",
                     kContextLength - 2, dropped_words == 1 ? "word was" : fmt::format("{} words were", dropped_words),
                     listed);
}

}  // namespace calotype

#include "text/tokenizer.h"

#include <algorithm>

#include "base/error.h"
#include "text/cleaning.h"
#include "text/splitting.h"
#include "text/unicode.h"

namespace calotype {

namespace {

constexpr SpecialToken kBang{U"!", 0};
constexpr SpecialToken kHuggingFaceStart{U"<|startoftext|>", kStartOfText};
constexpr SpecialToken kHuggingFaceEnd{U"<|endoftext|>", kEndOfText};

constexpr SpecialToken kOpenClipSpecials[] = {{U"<start_of_text>", kStartOfText}, {U"<end_of_text>", kEndOfText}};
constexpr SpecialToken kStart[] = {kHuggingFaceStart};
constexpr SpecialToken kEnd[] = {kHuggingFaceEnd};
constexpr SpecialToken kBoth[] = {kHuggingFaceStart, kHuggingFaceEnd};
constexpr SpecialToken kBothAndBang[] = {kHuggingFaceStart, kHuggingFaceEnd, kBang};

/// Shows every special token of `text`, by its id, and every stretch between them.
template <class OnSpecial, class OnPiece>
void cut(std::u32string_view text, std::span<const SpecialToken> specials, OnSpecial on_special, OnPiece on_piece) {
  size_t place = 0;
  while (const auto special = next_special(text, place, specials)) {
    on_piece(text.substr(place, special->begin - place));
    on_special(text.substr(special->begin, special->end - special->begin), special->id);
    place = special->end;
  }
  on_piece(text.substr(place));
}

}  // namespace

struct Tokenizer::Behaviour {
  std::u32string (*clean)(std::u32string_view);
  std::span<const SpecialToken>
      cut_before;                           // wherever they stand in the raw text, which is then cleaned piece by piece
  std::span<const SpecialToken> cut_after;  // wherever they stand in a cleaned piece
  std::span<const SpecialToken> words;      // only where a word begins
  bool ignore_case;
  int32_t pad_id;
};

const Tokenizer& Tokenizer::clip(TokenizerRules rules) {
  static constexpr Behaviour kBehaviours[] = {
      // in the order of TokenizerRules
      {clean_open_clip, {}, {}, kOpenClipSpecials, true, 0}, {clean_fast, kEnd, kStart, {}, false, kEndOfText},
      {clean_fast, {}, kBothAndBang, {}, false, 0},          {clean_plain, kBoth, {}, kBoth, true, kEndOfText},
      {clean_plain, kBothAndBang, {}, kBoth, true, 0},       {clean_repaired, kBoth, {}, kBoth, true, kEndOfText},
      {clean_repaired, kBothAndBang, {}, kBoth, true, 0},
  };
  static const std::vector<Tokenizer> tokenizers = [] {
    std::vector<Tokenizer> all;
    for (const Behaviour& behaviour : kBehaviours) all.push_back(Tokenizer(behaviour));
    return all;
  }();
  const auto index = static_cast<size_t>(rules);
  check(index < tokenizers.size(), "tokenizer rules {} are none of the {} known", index, tokenizers.size());
  return tokenizers[index];
}

Tokenizer::Tokenizer(const Behaviour& behaviour) : behaviour_(&behaviour), vocabulary_(&Vocabulary::clip()) {}

int32_t Tokenizer::pad_id() const {
  return behaviour_->pad_id;
}

void Tokenizer::for_each_word(std::string_view text, const std::function<void(const Word&)>& visit) const {
  bool after_blank = true;
  const auto show = [&](std::u32string_view word, int32_t special_id) {
    visit({word, special_id, after_blank});
    after_blank = false;
  };
  const auto show_words = [&](std::u32string_view piece) {
    size_t place = 0;
    while (const auto word = next_word(piece, place, behaviour_->words, behaviour_->ignore_case)) {
      after_blank = after_blank || word->begin > place;
      const std::u32string_view found = piece.substr(word->begin, word->end - word->begin);
      const auto special = std::find_if(behaviour_->words.begin(), behaviour_->words.end(),
                                        [&](const SpecialToken& token) { return token.text == found; });
      show(found, special == behaviour_->words.end() ? -1 : special->id);
      place = word->end;
    }
    after_blank = after_blank || place < piece.size();
  };
  const std::u32string raw = decode_utf8(text);
  cut(raw, behaviour_->cut_before, show, [&](std::u32string_view piece) {
    const std::u32string cleaned = behaviour_->clean(piece);
    cut(cleaned, behaviour_->cut_after, show, show_words);
  });
}

void Tokenizer::append_ids(const Word& word, std::vector<int32_t>& ids) const {
  if (word.special_id >= 0) {
    ids.push_back(word.special_id);
  } else {
    vocabulary_->append_ids(encode_utf8(word.text), ids);
  }
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  for_each_word(text, [&](const Word& word) { append_ids(word, ids); });
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (const int32_t id : ids) {
    require(id >= 0 && id < kVocabularySize, ErrorKind::bad_input,
            "decoding tokens: expected ids from 0 to {}, found {}; these are not CLIP's", kVocabularySize - 1, id);
    bytes += vocabulary_->symbol(id);
  }
  // Only now, as the reference has it: an end mark spelled out in the text becomes a blank too.
  constexpr std::string_view kWordEnd = "</w>";
  std::string text = encode_utf8(decode_utf8(bytes));
  std::string out;
  for (size_t place = 0; place < text.size();) {
    const size_t mark = std::min(text.find(kWordEnd, place), text.size());
    out.append(text, place, mark - place);
    if (mark < text.size()) out.push_back(' ');
    place = mark + kWordEnd.size();
  }
  return out;
}

}  // namespace calotype

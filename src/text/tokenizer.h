#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace calotype {

/// Whose reading of a text is followed. All share one vocabulary; they differ in how they clean the text, which
/// literals they take for special tokens, and what fills the places after the end.
enum class TokenizerRules {
  open_clip,              ///< Stable Diffusion 2's original code; pads with id 0
  hugging_face_sd1,       ///< diffusers with transformers 5, files of Stable Diffusion 1; pads with the end token
  hugging_face_sd2,       ///< the same, files of Stable Diffusion 2, where every "!" is the pad token, id 0
  hugging_face_sd1_slow,  ///< transformers 4, Python class, without ftfy
  hugging_face_sd2_slow,
  hugging_face_sd1_ftfy,  ///< transformers 4, Python class, with ftfy
  hugging_face_sd2_ftfy,
};

/// Turns a text into the ids that CLIP's text encoders were trained on (Radford et al. 2021). Any bytes are a text:
/// what is not UTF-8 reads as U+FFFD. Time and memory grow with the text's length alone; callers bound that.
class Tokenizer {
 public:
  /// Any thread may ask and use. The vocabulary is read on first use.
  static const Tokenizer& clip(TokenizerRules rules = TokenizerRules::open_clip);

  /// The ids of the text alone, without start, end or padding.
  std::vector<int32_t> encode(std::string_view text) const;

  /// What ids say, each word followed by a blank. Throws `bad_input` for an id outside [0, 49407].
  std::string decode(std::span<const int32_t> ids) const;

  /// What fills the places after a text's end.
  int32_t pad_id() const;

  /// A stretch of the cleaned text that is encoded by itself: letters, a digit, punctuation or a special token.
  struct Word {
    std::u32string_view text;  ///< valid during the call
    int32_t special_id;        ///< -1 unless it is a special token
    bool after_blank;          ///< nothing but blanks, or nothing, stood before it
  };
  /// Calls `visit` for every word in order.
  void for_each_word(std::string_view text, const std::function<void(const Word&)>& visit) const;
  void append_ids(const Word& word, std::vector<int32_t>& ids) const;

 private:
  struct Behaviour;
  explicit Tokenizer(const Behaviour& behaviour);

  const Behaviour* behaviour_;
  const Vocabulary* vocabulary_;
};

}  // namespace calotype

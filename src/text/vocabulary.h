#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

inline constexpr int32_t kVocabularySize = 49408;
inline constexpr int32_t kStartOfText = 49406;
inline constexpr int32_t kEndOfText = 49407;

/// The list of merges that is built into the program: a header line, then "left right" in order of rank.
std::string clip_merges_text();

/// CLIP's byte-pair vocabulary. Ids 0-255 are bytes, 256-511 bytes that end a word, 512 + r the r-th merge of two ids,
/// the last two mark the text's start and end (Sennrich et al. 2016; Radford et al. 2021).
class Vocabulary {
 public:
  /// The one that is built into the program, read on first use. Any thread may ask.
  static const Vocabulary& clip();

  /// `merges`: a header line, then at least 48,894 lines "left right" in order of rank. Throws `bad_file`.
  explicit Vocabulary(std::string_view merges);

  /// Appends the ids of one word, which is any bytes: of all neighbours that can merge, those of lowest rank do, until
  /// none can. n log n in the word's length.
  void append_ids(std::string_view word, std::vector<int32_t>& ids) const;

  /// The bytes that an id stands for, "</w>" at a word's end included. `id` in [0, kEndOfText].
  std::string_view symbol(int32_t id) const {
    return std::string_view(symbols_).substr(
        symbol_begin_[static_cast<size_t>(id)],
        symbol_begin_[static_cast<size_t>(id) + 1] - symbol_begin_[static_cast<size_t>(id)]);
  }

 private:
  struct Merge {
    uint32_t pair;   // left << 16 | right
    int32_t result;  // 0: an empty slot
  };
  void add_symbol(std::string_view bytes);
  void add_merge(uint32_t pair, int32_t result);
  /// The id that two neighbours merge into, or 0.
  int32_t merged(uint32_t left, uint32_t right) const;

  std::vector<Merge> merges_;  // open addressing, at most half full
  std::string symbols_;        // all symbols, one after the other
  std::vector<uint32_t> symbol_begin_{0};
};

}  // namespace calotype

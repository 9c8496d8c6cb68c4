#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "text/emphasis.h"
#include "text/inversion_names.h"
#include "text/prompt.h"

namespace calotype {

/// How many tokens of a prompt a chunk has room for.
inline constexpr int kChunkTokens = kContextLength - 2;

/// 75 tokens of a prompt or fewer, framed to 77: encoded by itself.
struct Chunk {
  std::array<int32_t, kContextLength> ids;
  std::array<double, kContextLength> weights;  // of start, end and padding: 1
  int64_t length = 0;                          // of the prompt's own tokens

  /// Vectors that stand in for tokens, from this one of the 77 places on; the ids there are 0.
  struct Placement {
    int64_t place;
    size_t inversion;
  };
  std::vector<Placement> placements;
};

struct ChunkedPrompt {
  std::vector<Chunk> chunks;  // one at least
  int64_t token_count = 0;    // 75 for each chunk but the last, and the last one's own

  bool weighted() const;  ///< is any weight not 1?
};

/// A prompt of any length as the web interface parts it. Each fragment is tokenized by itself; a chunk of 75 whose last
/// comma is at most `backtrack` tokens from its end is cut behind that comma; an inversion is never split. What follows
/// an end token in the text becomes padding. Throws `bad_input` where there are more than `kMostChunks`.
ChunkedPrompt in_chunks(std::span<const Fragment> fragments, const Tokenizer& tokenizer,
                        const InversionNames& inversions = {}, int backtrack = 20);

/// The same as ComfyUI parts it: a word of fewer than eight tokens stays in one chunk, commas mean nothing.
ChunkedPrompt in_comfy_chunks(std::span<const Fragment> fragments, const Tokenizer& tokenizer,
                              const InversionNames& inversions = {});

inline constexpr size_t kMostChunks = 100;

}  // namespace calotype

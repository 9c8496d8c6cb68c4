#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace calotype {

/// Files that are part of the program: it needs no data folder at run time.
std::span<const std::byte> embedded_clip_merges();  ///< data/clip/bpe_simple_vocab_16e6.txt.gz
std::string_view embedded_named_characters();       ///< data/html/named_characters.txt

}  // namespace calotype

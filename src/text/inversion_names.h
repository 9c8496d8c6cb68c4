#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace calotype {

/// Words that stand for vectors (Gal et al. 2022), as they are looked for in tokens: whatever a name is spelled like in
/// a prompt, it is found by the ids that it has, the longest name first.
class InversionNames {
 public:
  InversionNames() = default;

  /// `spellings`: all ways to write one of them. Its number in `find` counts calls. A spelling without tokens is left
  /// out; one that is taken keeps its first meaning.
  void add(std::span<const std::string> spellings, int64_t vectors, const Tokenizer& tokenizer);

  struct Found {
    size_t index = 0;     // of the inversion
    size_t tokens = 0;    // how many its name takes; 0: none begins here
    int64_t vectors = 0;  // how many places it fills
  };
  Found find(std::span<const int32_t> ids) const;

  bool empty() const { return vectors_.empty(); }

 private:
  struct Name {
    std::vector<int32_t> ids;
    size_t index;
  };
  std::vector<int64_t> vectors_;
  std::map<int32_t, std::vector<Name>> by_first_;  // the longest first
};

}  // namespace calotype

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/grammar.h"

namespace calotype {

/// A stretch of a prompt that has one weight, or the place where a chunk of tokens is to end.
struct Fragment {
  std::string text;
  double weight = 1;
  bool ends_chunk = false;  ///< BREAK: the text says so, the weight means nothing
};

/// The web interface's emphasis: (x) weighs 1.1 times as much, [x] 1/1.1 times, (x:w) w times; brackets of one kind
/// nest, the two kinds need not; a backslash makes the next bracket a character; what is open at the end applies to
/// the rest; the word BREAK ends a chunk. Neighbours of one weight come as one fragment, and there is always one.
/// Weights are products in double, in the order in which brackets close. Throws `bad_input` where brackets nest deeper
/// than `kDeepestBrackets`.
std::vector<Fragment> read_emphasis(std::string_view prompt, PromptNotes* notes = nullptr);

/// ComfyUI's: (x) multiplies the weight around it by 1.1, (x:w) replaces it by w; square brackets and BREAK mean
/// nothing. Throws as above.
std::vector<Fragment> read_comfy_emphasis(std::string_view prompt, PromptNotes* notes = nullptr);

}  // namespace calotype

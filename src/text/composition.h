#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// One of the texts that guidance adds up, and how strongly it counts.
struct ComposedPart {
  std::string text;
  double weight = 1;
};

/// The parts between the words AND, at least one. A part that ends in ": number" has that weight; blanks at its end go,
/// those at its beginning stay (Liu et al. 2022, as the web interface writes it). Throws `bad_input` where there are
/// more than `kMostParts`: each is a run of the network in every step.
std::vector<ComposedPart> read_composition(std::string_view prompt);

inline constexpr size_t kMostParts = 100;

}  // namespace calotype

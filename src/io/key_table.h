#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/key_map.h"

namespace calotype {

/// What tensors a line of a table stands for.
enum class Holds : uint8_t { weight_and_bias, weight, tensor };  // tensor: the name is its own

/// In which layouts a linear layer's weight is stored as a 1x1 convolution.
enum class ConvIn : uint8_t { none, original, both };

/// A line of a table: a layer of ours, of the original, of diffusers.
struct KeyLine {
  std::string_view ours, original, diffusers;
  Holds holds = Holds::weight_and_bias;
  ConvIn conv = ConvIn::none;
  std::string_view older = {};  // a second diffusers name
  int part = 0, parts = 1;      // in the original
};

/// Where a block sits: what stands before its lines.
struct KeyPlace {
  std::string ours, original, diffusers;
};

/// Adds the tensors of every line at that place.
void add_lines(std::vector<KeyRow>& rows, std::span<const KeyLine> lines, const KeyPlace& place = {});

}  // namespace calotype

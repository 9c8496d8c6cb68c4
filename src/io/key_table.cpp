#include "io/key_table.h"

namespace calotype {
namespace {

std::string joined(std::string_view place, std::string_view name, std::string_view tensor) {
  return name.empty() ? std::string() : std::string(place) + std::string(name) + std::string(tensor);
}

/// The open_clip layout runs the three inputs of attention together under names that end in an underscore.
std::string_view glued(std::string_view name, std::string_view tensor) {
  return !name.empty() && name.back() == '_' && !tensor.empty() ? tensor.substr(1) : tensor;
}

KeyRow row(const KeyLine& line, const KeyPlace& place, std::string_view tensor) {
  KeyRow row;
  row.ours = joined(place.ours, line.ours, tensor);
  row.original = {joined(place.original, line.original, glued(line.original, tensor)), Form::same, line.part,
                  line.parts};
  row.diffusers.name = joined(place.diffusers, line.diffusers, tensor);
  row.older = joined(place.diffusers, line.older, tensor);
  if (tensor == ".weight" && line.conv != ConvIn::none) row.original.form = Form::conv1x1;
  if (tensor == ".weight" && line.conv == ConvIn::both) row.diffusers.form = Form::conv1x1;
  return row;
}

}  // namespace

void add_lines(std::vector<KeyRow>& rows, std::span<const KeyLine> lines, const KeyPlace& place) {
  for (const KeyLine& line : lines) {
    if (line.holds == Holds::tensor) {
      rows.push_back(row(line, place, ""));
      continue;
    }
    rows.push_back(row(line, place, ".weight"));
    if (line.holds == Holds::weight_and_bias) rows.push_back(row(line, place, ".bias"));
  }
}

}  // namespace calotype

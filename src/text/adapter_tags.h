#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/grammar.h"

namespace calotype {

/// An adapter that a prompt asks for: <lora:NAME>, <lora:NAME:W> or <lora:NAME:W_UNET:W_TEXT>; `te=` and `unet=` name
/// the two weights.
struct AdapterTag {
  std::string name;
  double unet = 1, text = 1;

  bool operator==(const AdapterTag&) const = default;
};

struct TaggedPrompt {
  std::string text;  // without the tags
  std::vector<AdapterTag> adapters;
};

/// Takes the tags of low-rank adapters ("lora", "lyco") out of a prompt, in order. A tag of another kind, or one that
/// cannot be read, stays in the text with a note.
TaggedPrompt read_adapter_tags(std::string_view prompt, PromptNotes* notes = nullptr);

}  // namespace calotype

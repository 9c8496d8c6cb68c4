#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/adapter_tags.h"
#include "text/chunks.h"
#include "text/editing.h"

namespace calotype {

/// How a prompt is read.
enum class PromptSyntax {
  none,   ///< as it stands; what is over 75 tokens is left out
  a1111,  ///< the web interface's grammar, chunks of 75 tokens
  comfy,  ///< ComfyUI's emphasis and chunks
};

const char* name_of(PromptSyntax syntax);
std::optional<PromptSyntax> prompt_syntax_from(std::string_view name);
std::vector<std::string> prompt_syntaxes();

/// Which of the two prompts a text is: only the wanted one composes with AND and asks for adapters.
enum class PromptRole { wanted, unwanted };

/// A prompt taken apart, but for its tokens.
struct PromptPlan {
  struct Part {
    double weight = 1;
    std::vector<ScheduledText> texts;  // ascending; the last one ends with the run
  };
  std::vector<Part> parts;  // one at least
  std::vector<AdapterTag> adapters;

  bool composed() const { return parts.size() > 1 || parts[0].weight != 1; }
  /// What part `part` says at `step`, which counts from 1.
  const std::string& text_at(size_t part, int64_t step) const;
};

/// Throws `bad_input` for what cannot be read within bounds.
PromptPlan plan_prompt(std::string_view prompt, PromptSyntax syntax, PromptRole role, int64_t steps,
                       PromptNotes* notes = nullptr);

/// One text of a plan as the tower takes it. `warning` becomes a line for the user where not all of it fits.
ChunkedPrompt encode_text(std::string_view text, PromptSyntax syntax, const Tokenizer& tokenizer,
                          const InversionNames& inversions, std::string* warning = nullptr,
                          PromptNotes* notes = nullptr);

}  // namespace calotype

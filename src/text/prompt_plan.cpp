#include "text/prompt_plan.h"

#include <algorithm>

#include "text/composition.h"
#include "text/unicode.h"

namespace calotype {
namespace {

/// The text as it stands, cut to one chunk.
ChunkedPrompt literally(std::string_view text, const Tokenizer& tokenizer, const InversionNames& inversions,
                        std::string* warning) {
  const Fragment all{std::string(text), 1, false};
  FramedPrompt framed = frame(text, tokenizer);
  ChunkedPrompt prompt;
  if (inversions.empty()) {
    Chunk chunk{.ids = framed.ids, .weights = {}, .length = framed.end - 1, .placements = {}};
    chunk.weights.fill(1);
    prompt = {{chunk}, chunk.length};
  } else {
    prompt = in_chunks(std::span(&all, 1), tokenizer, inversions, /*backtrack=*/0);
    if (prompt.chunks.size() == 1) framed.dropped_words = 0;
    prompt.chunks.resize(1);
    prompt.token_count = std::min<int64_t>(prompt.token_count, kChunkTokens);
  }
  if (warning) *warning = framed.warning();
  return prompt;
}

}  // namespace

const char* name_of(PromptSyntax syntax) {
  switch (syntax) {
    case PromptSyntax::none:
      return "none";
    case PromptSyntax::a1111:
      return "a1111";
    case PromptSyntax::comfy:
      return "comfy";
  }
  return "";
}

std::optional<PromptSyntax> prompt_syntax_from(std::string_view name) {
  if (name == "none") return PromptSyntax::none;
  if (name == "a1111" || name == "web_ui") return PromptSyntax::a1111;
  if (name == "comfy" || name == "comfyui") return PromptSyntax::comfy;
  return std::nullopt;
}

std::vector<std::string> prompt_syntaxes() {
  return {"a1111", "comfy", "none"};
}

const std::string& PromptPlan::text_at(size_t part, int64_t step) const {
  const std::vector<ScheduledText>& texts = parts[part].texts;
  const auto at = std::ranges::find_if(texts, [&](const ScheduledText& text) { return step <= text.last_step; });
  return (at == texts.end() ? texts.back() : *at).text;
}

PromptPlan plan_prompt(std::string_view prompt, PromptSyntax syntax, PromptRole role, int64_t steps,
                       PromptNotes* notes) {
  if (syntax == PromptSyntax::none) return {{{1, {{steps, std::string(prompt)}}}}, {}};
  PromptPlan plan;
  TaggedPrompt tagged{std::string(prompt), {}};
  if (role == PromptRole::wanted) {
    tagged = read_adapter_tags(prompt, notes);
    plan.adapters = std::move(tagged.adapters);
  }
  if (syntax == PromptSyntax::comfy) {
    plan.parts.push_back({1, {{steps, tagged.text}}});
    return plan;
  }
  std::vector<ComposedPart> parts{{tagged.text, 1}};
  if (role == PromptRole::wanted) parts = read_composition(tagged.text);
  for (const ComposedPart& part : parts)
    plan.parts.push_back({part.weight, read_editing(part.text, {.steps = steps}, notes)});
  return plan;
}

ChunkedPrompt encode_text(std::string_view text, PromptSyntax syntax, const Tokenizer& tokenizer,
                          const InversionNames& inversions, std::string* warning, PromptNotes* notes) {
  switch (syntax) {
    case PromptSyntax::none:
      break;
    case PromptSyntax::a1111:
      return in_chunks(read_emphasis(text, notes), tokenizer, inversions);
    case PromptSyntax::comfy:
      return in_comfy_chunks(read_comfy_emphasis(text, notes), tokenizer, inversions);
  }
  return literally(text, tokenizer, inversions, warning);
}

}  // namespace calotype

// Any bytes are a prompt, in every syntax: it is read or refused in one line. What is read keeps its promises.

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/prompt_plan.h"

namespace {

using namespace calotype;

void promise(bool kept) {
  if (!kept) std::abort();
}

void read(std::string_view prompt, PromptSyntax syntax, PromptRole role, const InversionNames& names) {
  constexpr int64_t kSteps = 7;
  const PromptPlan plan = plan_prompt(prompt, syntax, role, kSteps);
  promise(!plan.parts.empty());
  for (const PromptPlan::Part& part : plan.parts) {
    int64_t last = 0;
    for (const ScheduledText& text : part.texts) {
      promise(text.last_step > last);
      last = text.last_step;
      for (const Chunk& chunk : encode_text(text.text, syntax, Tokenizer::clip(), names).chunks) {
        promise(chunk.length >= 0 && chunk.length <= kChunkTokens);
        for (const double weight : chunk.weights) promise(!std::isnan(weight) || syntax == PromptSyntax::a1111);
        for (const auto& [place, inversion] : chunk.placements) promise(place >= 1 && place + 2 <= chunk.length);
      }
    }
    promise(last == kSteps);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const InversionNames names = [] {
    InversionNames all;
    const std::string spellings[] = {"fox", "<fox>"};
    all.add(spellings, 3, Tokenizer::clip());
    return all;
  }();
  if (size < 1) return 0;
  const std::string_view prompt(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto syntax = static_cast<PromptSyntax>(data[0] % 3);
  try {
    read(prompt, syntax, data[0] & 4 ? PromptRole::wanted : PromptRole::unwanted, names);
  } catch (const Error& error) {
    promise(error.kind() == ErrorKind::bad_input);
    promise(std::string_view(error.what()).find('\n') == std::string_view::npos);
  }
  return 0;
}

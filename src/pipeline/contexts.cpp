#include "pipeline/contexts.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ops/structure.h"
#include "text/prompt.h"

namespace calotype {

Tensor contexts(const StableDiffusion& model, const Settled& run, const Watcher& watcher) {
  const Tokenizer& tokenizer = Tokenizer::clip(run.tokenizer);
  std::map<std::pair<int64_t, std::string>, Tensor> known;  // most often all pictures have the same text
  std::vector<Tensor> rows;
  const auto add = [&](const std::vector<std::string>& texts, int64_t skipped) {
    const int64_t blocks = model.text->config.used_layers - skipped;
    for (const std::string& text : texts) {
      Tensor& row = known[{blocks, text}];
      if (!row) {
        const FramedPrompt framed = frame(text, tokenizer);
        watcher.warn(framed.warning());
        row = (*model.text)(framed.ids, {blocks, 0});
      }
      rows.push_back(row);
    }
  };
  if (run.guided) add(run.request.negative_prompts, 0);
  add(run.request.prompts, run.request.clip_skip);
  return rows.size() == 1 ? rows[0] : stack_pictures(rows);
}

}  // namespace calotype

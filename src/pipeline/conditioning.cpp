#include "pipeline/conditioning.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "base/error.h"
#include "diffusion/guidance.h"
#include "ops/combine.h"
#include "ops/structure.h"
#include "pipeline/weighting.h"
#include "text/prompt_plan.h"

namespace calotype {

int64_t text_layers(const TextConfig& config, int64_t clip_skip) {
  const int64_t trained = config.padding_id == 0 ? 2 : 1;
  return config.used_layers + trained - std::max(clip_skip, trained);
}

/// Encodes texts, each once.
class Conditioning::Encoder {
 public:
  Encoder(const StableDiffusion& model, const Settled& run, const Watcher& watcher, std::vector<Tensor>& encodings)
      : model_(model),
        run_(run),
        watcher_(watcher),
        tokenizer_(Tokenizer::clip(run.tokenizer)),
        names_(names_of(model.inversions, tokenizer_)),
        encodings_(encodings) {}

  /// Which encoding a text has.
  size_t operator()(const std::string& text, int64_t layers) {
    const auto [known, is_new] = known_.try_emplace({layers, text}, encodings_.size());
    if (is_new) encodings_.push_back(encode(text, layers));
    return known->second;
  }

 private:
  Tensor encode(const std::string& text, int64_t layers) {
    constexpr size_t kMostTogether = 2000;  // 600 MB at width 1024
    std::string warning;
    PromptNotes notes;
    const ChunkedPrompt prompt = encode_text(text, run_.syntax, tokenizer_, names_, &warning, &notes);
    watcher_.warn(warning);
    for (const std::string& line : notes.lines()) watcher_.warn("prompt: " + line);
    require_fitting(prompt, model_.inversions);
    chunks_ += prompt.chunks.size();
    require(
        chunks_ <= kMostTogether, ErrorKind::bad_input,
        "prompt: all that it says over the steps makes more than {} chunks of 75 tokens; shorten it, or switch less "
        "often",
        kMostTogether);
    const Tensor encoding = tower(prompt, layers);
    return encoding.reshape({1, encoding.dim(0) * encoding.dim(1), encoding.dim(2)});
  }

  /// [chunks, 77, width]
  Tensor tower(const ChunkedPrompt& prompt, int64_t layers) {
    std::vector<Tensor> encoded;
    std::vector<double> weights;
    for (const Chunk& chunk : prompt.chunks) {
      std::vector<InsertedVectors> inserted;
      for (const auto& [place, inversion] : chunk.placements)
        inserted.push_back({place, model_.inversions[inversion].vectors});
      encoded.push_back((*model_.text)(chunk.ids, {layers, 0, inserted}));
      weights.insert(weights.end(), chunk.weights.begin(), chunk.weights.end());
    }
    const Tensor all = stack_pictures(encoded);
    if (!prompt.weighted()) return all;
    if (run_.syntax != PromptSyntax::comfy) return weighted(all, weights, Weighting::mean_restored);
    return weighted(all, weights, Weighting::from_empty, (*model_.text)(frame("", tokenizer_).ids, {layers, 0}));
  }

  const StableDiffusion& model_;
  const Settled& run_;
  const Watcher& watcher_;
  const Tokenizer& tokenizer_;
  InversionNames names_;
  std::vector<Tensor>& encodings_;
  std::map<std::pair<int64_t, std::string>, size_t> known_;
  size_t chunks_ = 0;
};

Conditioning::Conditioning(const StableDiffusion& model, const Settled& run, int64_t steps, const Watcher& watcher)
    : run_(run), with_unwanted_(run.guided || run.composed) {
  Encoder encode(model, run, watcher, encodings_);
  const int64_t layers = text_layers(model.text->config, run.request.clip_skip);
  const auto parts_of = [&](const std::string& prompt, PromptRole role, int64_t blocks) {
    PromptNotes notes;
    const PromptPlan plan = plan_prompt(prompt, run.syntax, role, steps, &notes);
    for (const std::string& line : notes.lines()) watcher.warn("prompt: " + line);
    std::vector<Part> parts;
    for (const PromptPlan::Part& planned : plan.parts) {
      parts.push_back({planned.weight, {}});
      for (const ScheduledText& text : planned.texts)
        parts.back().texts.emplace_back(text.last_step, encode(text.text, blocks));
    }
    return parts;
  };
  size_t most_parts = 1;
  for (size_t picture = 0; picture < run.request.prompts.size(); ++picture) {
    if (with_unwanted_)
      unwanted_.push_back(parts_of(run.request.negative_prompts[picture], PromptRole::unwanted, layers).at(0));
    wanted_.push_back(
        parts_of(run.request.prompts[picture], PromptRole::wanted, layers - run.request.diffusers_clip_skip));
    most_parts = std::max(most_parts, wanted_.back().size());
  }
  most_recent_ = std::max(most_recent_, 2 * wanted_.size() * (most_parts + 1));
}

size_t Conditioning::Part::at(int64_t step) const {
  const auto found = std::ranges::find_if(texts, [&](const auto& text) { return step < text.first; });
  return (found == texts.end() ? texts.back() : *found).second;
}

std::vector<size_t> Conditioning::single_call(int64_t step) const {
  std::vector<size_t> needed;
  for (const Part& part : unwanted_) needed.push_back(part.at(step));
  for (const std::vector<Part>& parts : wanted_) {
    if (parts.size() > 1 || parts[0].weight != 1) return {};
    needed.push_back(parts[0].at(step));
  }
  const int64_t tokens = encodings_[needed[0]].dim(1);
  const bool alike = std::ranges::all_of(needed, [&](size_t at) { return encodings_[at].dim(1) == tokens; });
  return alike ? needed : std::vector<size_t>();
}

Tensor Conditioning::first_context() const {
  const std::vector<size_t> needed = single_call(0);
  return needed.empty() ? Tensor() : stacked(needed);
}

Tensor Conditioning::guided_output(int64_t step, const Tensor& x, const Call& call, bool guidance) const {
  const int64_t pictures = x.dim(0);
  if (std::vector<size_t> needed = single_call(step); !needed.empty()) {
    const bool both = with_unwanted_ && guidance;
    if (!guidance) needed.erase(needed.begin(), needed.begin() + static_cast<int64_t>(unwanted_.size()));
    const Tensor output = call(x, stacked(needed), 0, both ? pictures : 0);
    return both ? combined(output.rows(0, pictures), {{1.0, output.rows(pictures, pictures)}}, guidance) : output;
  }
  std::vector<Tensor> outputs;
  for (int64_t picture = 0; picture < pictures; ++picture)
    outputs.push_back(one_picture(step, x.rows(picture, 1), picture, call, guidance));
  return stack_pictures(outputs);
}

Tensor Conditioning::one_picture(int64_t step, const Tensor& x, int64_t picture, const Call& call,
                                 bool guidance) const {
  const std::vector<Part>& parts = wanted_[picture];
  const bool with_unwanted = with_unwanted_ && (guidance || parts.size() > 1 || parts[0].weight != 1);
  std::vector<size_t> needed;  // the unwanted one first, if it is seen
  if (with_unwanted) needed.push_back(unwanted_[picture].at(step));
  for (const Part& part : parts) needed.push_back(part.at(step));

  std::map<int64_t, std::vector<size_t>> by_length;  // places in `needed`
  for (size_t i = 0; i < needed.size(); ++i) by_length[encodings_[needed[i]].dim(1)].push_back(i);
  std::vector<Tensor> outputs(needed.size());
  for (const auto& [tokens, places] : by_length) {
    std::vector<size_t> together;
    for (const size_t place : places) together.push_back(needed[place]);
    const Tensor some = call(x, stacked(together), picture, with_unwanted && places[0] == 0 ? 1 : 0);
    for (size_t i = 0; i < places.size(); ++i) outputs[places[i]] = some.rows(static_cast<int64_t>(i), 1);
  }
  if (!with_unwanted) return outputs[0];
  std::vector<std::pair<double, Tensor>> wanted;
  for (size_t i = 0; i < parts.size(); ++i) wanted.emplace_back(parts[i].weight, outputs[i + 1]);
  return combined(outputs[0], wanted, guidance);
}

/// u + scale * sum of w_i * (c_i - u): guidance towards one output, c = u + sum of w_i * (c_i - u).
Tensor Conditioning::combined(const Tensor& unwanted, const std::vector<std::pair<double, Tensor>>& wanted,
                              bool guidance) const {
  Tensor towards = wanted[0].second;
  if (wanted.size() > 1 || wanted[0].first != 1) {
    double rest = 1;
    for (const auto& [weight, output] : wanted) rest -= weight;
    towards = combine({{rest, unwanted}, {wanted[0].first, wanted[0].second}});
    for (size_t i = 1; i < wanted.size(); ++i) towards = combine({{1.0, towards}, {wanted[i].first, wanted[i].second}});
  }
  const double scale = run_.guided && guidance ? *run_.request.cfg_scale : 1;
  return guided(unwanted, towards, scale, run_.request.guidance_rescale);
}

Tensor Conditioning::stacked(const std::vector<size_t>& encodings) const {
  const auto known = std::ranges::find_if(recent_, [&](const auto& entry) { return entry.first == encodings; });
  if (known != recent_.end()) {
    recent_.splice(recent_.begin(), recent_, known);
    return recent_.front().second;
  }
  const int64_t tokens = encodings_[encodings[0]].dim(1), width = encodings_[encodings[0]].dim(2);
  Tensor context = Tensor::empty({static_cast<int64_t>(encodings.size()), tokens, width});
  const std::span<float> values = context.edit<float>();
  for (size_t i = 0; i < encodings.size(); ++i)
    std::ranges::copy(encodings_[encodings[i]].view<float>(),
                      values.begin() + static_cast<int64_t>(i) * tokens * width);
  recent_.emplace_front(encodings, context);
  if (recent_.size() > most_recent_) recent_.pop_back();
  return context;
}

}  // namespace calotype

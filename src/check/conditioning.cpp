#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/error.h"
#include "check/configurations.h"
#include "check/distance.h"
#include "check/reference.h"
#include "check/text_cases.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "pipeline/weighting.h"
#include "tensor/history.h"
#include "text/chunks.h"
#include "text/emphasis.h"
#include "text/prompt.h"

namespace calotype::checker {
namespace {

using Ids = std::vector<int32_t>;

/// The two small towers of the format, which its rows do not describe.
TextConfig tower_config(const std::string& family) {
  TextConfig config;
  config.width = 64;
  config.layers = 4;
  config.heads = 4;
  config.mlp_width = 256;
  config.used_layers = family == "sd1" ? 4 : 3;
  config.activation = family == "sd1" ? TextActivation::quick_gelu : TextActivation::gelu;
  config.padding_id = family == "sd1" ? kEndOfText : 0;
  config.projection_width = family == "sd1" ? 0 : 64;
  return config;
}

class Towers {
 public:
  explicit Towers(kernels::Precision precision) : precision_(precision) {}

  const TextEncoder& of(const std::string& family) {
    require(family == "sd1" || family == "sd2", ErrorKind::unsupported, "there is no family {} of text towers", family);
    std::unique_ptr<TextEncoder>& tower = towers_[family];
    if (tower) return *tower;
    const TextConfig config = tower_config(family);
    if (family == "sd1") {
      FormulaSource source(text_keys(config, ""), "cond_stage_model.transformer.text_model.", DType::f32,
                           Layout::diffusers);
      tower = std::make_unique<TextEncoder>(Params(source, precision_), config);
    } else {
      FormulaSource source(text_keys(config), "cond_stage_model.model.");
      tower = std::make_unique<TextEncoder>(Params(source, precision_), config);
    }
    return *tower;
  }

 private:
  kernels::Precision precision_;
  std::map<std::string, std::unique_ptr<TextEncoder>> towers_;
};

void compare(const std::string& what, const Tensor& got, const std::vector<double>& want, kernels::Precision precision,
             Findings& findings) {
  const std::vector<double> values = reference_values(got);
  const bool half = precision == kernels::Precision::bf16;
  findings.measure(what, relative_l2(values, want), half ? 1.2e-2 : 1e-5);
  if (!half) findings.measure("greatest difference of " + what, greatest_beside_rms(values, want), 1e-4);
}

Ids flat(const std::vector<Ids>& chunks) {
  Ids ids;
  for (const Ids& chunk : chunks) ids.insert(ids.end(), chunk.begin(), chunk.end());
  return ids;
}

/// Its inversions: names, and the vectors that the file of tensors has for them.
struct Inversions {
  std::vector<std::string> names;
  std::vector<Tensor> vectors;
  InversionNames found;
};

Inversions inversions_of(const json& row, const ReferenceTensors& tensors, const Tokenizer& tokenizer) {
  Inversions inversions;
  if (!row.contains("embeddings")) return inversions;
  for (const auto& [name, count] : row["embeddings"].items()) {
    inversions.names.push_back(name);
    inversions.vectors.push_back(tensors.tensor("inversion." + name + "." + std::to_string(count.get<int64_t>())));
    inversions.found.add(std::span(&inversions.names.back(), 1), count, tokenizer);
  }
  return inversions;
}

/// The row's prompt in chunks, compared with those it gives.
ChunkedPrompt checked_chunks(const json& row, const Tokenizer& tokenizer, const Inversions& inversions,
                             Findings& findings) {
  const std::string prompt = row.at("prompt");
  const bool parsed = word(row, "emphasis", "Original") != "None";
  const std::vector<Fragment> fragments = parsed ? read_emphasis(prompt) : std::vector<Fragment>{{prompt, 1, false}};
  ChunkedPrompt chunked = in_chunks(fragments, tokenizer, inversions.found);
  Ids ids;
  std::vector<double> weights, want_weights;
  std::vector<std::string> places, want_places;
  for (size_t i = 0; i < chunked.chunks.size(); ++i) {
    const Chunk& chunk = chunked.chunks[i];
    ids.insert(ids.end(), chunk.ids.begin(), chunk.ids.end());
    weights.insert(weights.end(), chunk.weights.begin(), chunk.weights.end());
    for (const auto& [place, inversion] : chunk.placements)
      places.push_back(fmt::format("{} {} {}", i, place - 1, inversions.names[inversion]));
  }
  findings.equal("ids", ids, flat(row.at("chunks").get<std::vector<Ids>>()));
  findings.equal("number of tokens", std::vector{chunked.token_count},
                 std::vector{row.at("token_count").get<int64_t>()});
  if (row.contains("multipliers")) {
    for (const json& chunk : row["multipliers"])
      for (const json& weight : chunk) want_weights.push_back(weight);
    findings.measure("weights", greatest_relative(weights, want_weights), 1e-12);
  }
  if (row.contains("placements")) {
    for (size_t i = 0; i < row["placements"].size(); ++i)
      for (const json& place : row["placements"][i])
        want_places.push_back(fmt::format("{} {} {}", i, place.at(0).get<int64_t>(), place.at(1).get<std::string>()));
    findings.equal("placements", places, want_places);
  }
  return chunked;
}

/// What the tower makes of chunks, weights applied by the row's emphasis: [77 chunks, width].
Tensor encoded(const json& row, const ChunkedPrompt& chunked, const TextEncoder& tower, int64_t layers,
               const Inversions& inversions) {
  Ids ids;
  std::vector<double> weights;
  std::vector<InsertedVectors> inserted;
  for (const Chunk& chunk : chunked.chunks) {
    for (const auto& [place, inversion] : chunk.placements)
      inserted.push_back({static_cast<int64_t>(ids.size()) + place, inversions.vectors[inversion]});
    ids.insert(ids.end(), chunk.ids.begin(), chunk.ids.end());
    weights.insert(weights.end(), chunk.weights.begin(), chunk.weights.end());
  }
  const Tensor encoding = tower(ids, {layers, 0, inserted});
  const std::string emphasis = word(row, "emphasis", "Original");
  if (emphasis == "Ignore" || emphasis == "None") return encoding;
  return weighted(encoding, weights, emphasis == "No norm" ? Weighting::plain : Weighting::mean_restored);
}

/// One window of 77 ids without weights, as diffusers and open_clip encode.
void check_plain(const json& row, const std::vector<double>& want, const TextEncoder& tower, const Tokenizer& tokenizer,
                 int64_t layers, kernels::Precision precision, Findings& findings) {
  const FramedPrompt framed = frame(row.at("prompt").get<std::string>(), tokenizer);
  const Ids ids(framed.ids.begin(), framed.ids.end());
  findings.equal("ids", ids, row["ids"].get<Ids>());
  const bool pooled = word(row, "id").starts_with("pooled");
  compare("embedding", pooled ? tower.pooled(ids) : tower(ids, {layers, 0}), want, precision, findings);
}

void check_row(const json& row, const ReferenceTensors& tensors, Towers& towers, kernels::Precision precision,
               Findings& findings) {
  const std::string id = row.at("id"), family = word(row, "family", "sd2");
  if (word(row, "quirk").starts_with("BREAK inside brackets"))
    throw Skipped{"a chunk ends at a BREAK in brackets too; the reference takes that for a word"};
  const TextEncoder& tower = towers.of(family);
  const bool first_family = family == "sd1";
  const Tokenizer& tokenizer =
      Tokenizer::clip(first_family ? TokenizerRules::hugging_face_sd1 : TokenizerRules::open_clip);
  int64_t layers = tower.config.used_layers;
  if (const auto skip = optional_number(row, "diffusers_clip_skip")) layers -= static_cast<int64_t>(*skip);
  if (const auto skip = optional_number(row, "skip"); skip && first_family)
    layers = tower.config.layers + 1 - static_cast<int64_t>(*skip);
  require(layers >= 0 && layers <= tower.config.layers, ErrorKind::bad_file, "{}: {} blocks are to be run of {}", id,
          layers, tower.config.layers);
  const std::vector<double> want = tensors.values(id);
  if (row.contains("ids")) return check_plain(row, want, tower, tokenizer, layers, precision, findings);
  const Inversions inversions = inversions_of(row, tensors, tokenizer);
  const ChunkedPrompt chunked = checked_chunks(row, tokenizer, inversions, findings);
  compare("embedding", encoded(row, chunked, tower, layers, inversions), want, precision, findings);
}

}  // namespace

void check_conditioning(const Request& request, Report& report) {
  const NoGrad inference;
  const std::vector<json> rows = read_rows(request.folder / "conditioning.json");
  const ReferenceTensors tensors(request.folder / "conditioning.safetensors");
  Towers towers(request.precision);
  for (const json& row : rows) {
    const std::string id = word(row, "id");
    report.run(
        "conditioning/" + id, [&](Findings& findings) { check_row(row, tensors, towers, request.precision, findings); },
        id);
  }
}

}  // namespace calotype::checker

#include <map>
#include <memory>

#include "base/error.h"
#include "check/configurations.h"
#include "check/distance.h"
#include "check/reference.h"
#include "check/text_cases.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "tensor/history.h"
#include "text/chunks.h"

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

/// What a row needs and is not there yet; empty where it can be checked.
std::string missing(const json& row) {
  if (row.contains("ids")) return "";
  const std::string prompt = row.at("prompt"), emphasis = word(row, "emphasis", "Original");
  if (row.contains("embeddings") && !row["embeddings"].empty()) return "textual inversion is not built yet";
  if (emphasis == "None") return "";
  if (prompt.find_first_of("()[]\\") != std::string::npos) return "emphasis in prompts is not built yet";
  if (prompt.find("BREAK") != std::string::npos) return "BREAK in prompts is not built yet";
  return "";
}

Ids flat(const std::vector<Ids>& chunks) {
  Ids ids;
  for (const Ids& chunk : chunks) ids.insert(ids.end(), chunk.begin(), chunk.end());
  return ids;
}

/// The ids of a row's prompt, compared with those it gives.
Ids checked_ids(const json& row, TokenizerRules rules, Findings& findings) {
  const std::string prompt = row.at("prompt");
  if (row.contains("ids")) {
    const FramedPrompt framed = frame(prompt, Tokenizer::clip(rules));
    const Ids got(framed.ids.begin(), framed.ids.end());
    findings.equal("ids", got, row["ids"].get<Ids>());
    return got;
  }
  const ChunkedPrompt chunked = in_chunks(prompt, Tokenizer::clip(rules));
  std::vector<Ids> chunks;
  for (const auto& chunk : chunked.chunks) chunks.emplace_back(chunk.begin(), chunk.end());
  findings.equal("ids", flat(chunks), flat(row.at("chunks").get<std::vector<Ids>>()));
  findings.equal("number of tokens", std::vector{chunked.token_count},
                 std::vector{row.at("token_count").get<int64_t>()});
  if (row.contains("multipliers")) {
    std::vector<double> weights;
    for (const json& chunk : row["multipliers"])
      for (const json& weight : chunk) weights.push_back(weight);
    findings.measure("weights", greatest_relative(std::vector<double>(flat(chunks).size(), 1.0), weights), 1e-12);
  }
  return flat(chunks);
}

void check_row(const json& row, const ReferenceTensors& tensors, Towers& towers, kernels::Precision precision,
               Findings& findings) {
  if (const std::string reason = missing(row); !reason.empty()) throw Skipped{reason};
  const std::string id = row.at("id"), family = word(row, "family", "sd2");
  const TextEncoder& tower = towers.of(family);
  const bool first_family = family == "sd1";
  const Ids ids =
      checked_ids(row, first_family ? TokenizerRules::hugging_face_sd1 : TokenizerRules::open_clip, findings);
  if (id.starts_with("pooled")) {
    compare("embedding", tower.pooled(ids), tensors.values(id), precision, findings);
    return;
  }
  int64_t layers = tower.config.used_layers;
  if (const auto skip = optional_number(row, "diffusers_clip_skip")) layers -= static_cast<int64_t>(*skip);
  if (const auto skip = optional_number(row, "skip"); skip && first_family)
    layers = tower.config.layers + 1 - static_cast<int64_t>(*skip);
  require(layers >= 0 && layers <= tower.config.layers, ErrorKind::bad_file, "{}: {} blocks are to be run of {}", id,
          layers, tower.config.layers);
  compare("embedding", tower(ids, {layers, 0}), tensors.values(id), precision, findings);
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

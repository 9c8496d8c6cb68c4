#include <set>

#include "base/error.h"
#include "check/configurations.h"
#include "check/training_cases.h"
#include "load/formula_source.h"
#include "models/clip.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "train/optimizer.h"

namespace calotype::checker {
namespace {

json with(json words, const json& row, const char* key) {
  if (!words.contains(key) && row.contains(key)) words[key] = row[key];
  return words;
}

/// The gradient's rows of the ids that occur, as they are stored; all other rows must be zero.
void compare_table_rows(const std::string& id, const std::vector<double>& gradient, int64_t width,
                        const ReferenceTensors& tensors, Findings& findings) {
  if (!tensors.has(id + "/used_ids")) return;
  std::vector<double> used;
  std::set<int32_t> ids;
  for (const int32_t token : tensors.integers(id + "/used_ids")) {
    ids.insert(token);
    const auto first = gradient.begin() + token * width;
    used.insert(used.end(), first, first + width);
  }
  findings.measure("gradient of the token table", relative_l2(used, tensors.values(id + "/d/token_embedding.rows")),
                   TrainingTolerance::kTensor);
  int64_t others = 0;
  for (size_t i = 0; i < gradient.size(); ++i)
    if (!ids.contains(static_cast<int32_t>(i / static_cast<size_t>(width))) && gradient[i] != 0) ++others;
  findings.exact("rows of the token table that no caption uses", others);
}

void compare_features(const std::string& stored, const Tensor& features, const ReferenceTensors& tensors,
                      Findings& findings) {
  if (tensors.has(stored))
    findings.measure(stored, distance(l2_normalise(features), tensors.values(stored)), TrainingTolerance::kTensor);
}

void check_pair(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id"), activation = word(row, "activation");
  const TextConfig text_words = open_clip_config(with(row.at("text"), row, "embed_dim"), activation);
  const ImageTowerConfig image_words = image_config(with(row.at("vision"), row, "embed_dim"), activation);
  const KeyMap text_map = text_keys(text_words), image_map = image_tower_keys(image_words);
  const auto all = [](const std::string&) { return true; };
  FormulaSource text_formula(text_map, ""), image_formula(image_map, "");
  TrainableSource text_source(text_formula, all), image_source(image_formula, all);
  const TextEncoder text(Params(text_source), text_words);
  const ImageTower image(Params(image_source) / "image", image_words);
  const Tensor scale = Tensor::from<float>(formula_values("logit_scale", Shape{}, 0, 1), {1}).trainable();

  const Tensor texts = text.pooled(tensors.integers("inputs/ids"));
  const Tensor images = image(maps_from_reference(tensors.tensor("inputs/image")));
  const Tensor loss = contrastive(images, texts, scale);
  findings.measure("loss", relative(loss.item(), row.at("loss")), TrainingTolerance::kLoss);
  compare_features(id + "/image_features", images.detach(), tensors, findings);
  compare_features(id + "/text_features", texts.detach(), tensors, findings);

  const Gradients gradients = backward(loss);
  std::vector<NamedTensor> parameters = text_source.parameters();
  parameters.insert(parameters.end(), image_source.parameters().begin(), image_source.parameters().end());
  parameters.push_back({"logit_scale", scale});
  compare_gradient_norm(row, parameters, gradients, findings);

  OriginalGradients original(text_map, "", text_source.parameters(), gradients);
  original.add(OriginalGradients(image_map, "", image_source.parameters(), gradients));
  original.add("logit_scale", {gradients.of(scale) ? gradients.of(scale).item() : 0});
  original.compare(row, tensors, findings);
  if (const auto* table = original.find("token_embedding.weight"))
    compare_table_rows(id, *table, text_words.width, tensors, findings);
}

}  // namespace

void check_clip_training(const TrainingFile& file, Report& report) {
  for (const json& row : file.rows) {
    const std::string id = word(row, "id");
    report.run("clip/" + id, [&](Findings& findings) { check_pair(row, file.tensors, findings); }, id);
  }
}

}  // namespace calotype::checker

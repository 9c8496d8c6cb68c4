#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/formula.h"
#include "check/training_cases.h"
#include "train/optimizer.h"

namespace calotype::checker {

double distance(const Tensor& got, const std::vector<double>& want) {
  if (!got) return relative_l2(std::vector<double>(want.size(), 0.0), want);
  const std::span<const float> values = got.view<float>();
  return relative_l2(std::vector<double>(values.begin(), values.end()), want);
}

OriginalGradients::OriginalGradients(const KeyMap& keys, const std::string& prefix,
                                     const std::vector<NamedTensor>& parameters, const Gradients& gradients) {
  for (const NamedTensor& parameter : parameters) {
    const KeyRow* row = keys.find(parameter.name);
    check(row != nullptr && row->original.form != Form::transposed, "{}: no key map has it", parameter.name);
    const auto count = static_cast<size_t>(parameter.tensor.count());
    std::vector<double>& values = values_[prefix + row->original.name];
    values.resize(count * static_cast<size_t>(row->original.parts));
    const Tensor gradient = gradients.of(parameter.tensor);
    if (!gradient) continue;
    const std::span<const float> part = gradient.view<float>();
    std::ranges::copy(part, values.begin() + static_cast<int64_t>(count) * row->original.part);
  }
}

void OriginalGradients::add(const OriginalGradients& other) {
  values_.insert(other.values_.begin(), other.values_.end());
}

const std::vector<double>* OriginalGradients::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void OriginalGradients::compare(const json& row, const ReferenceTensors& tensors, Findings& findings) const {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const std::string below = word(row, "id") + "/d/";
  for (const StoredTensor& tensor : tensors.all()) {
    if (!tensor.name.starts_with(below)) continue;
    const std::string key = tensor.name.substr(below.size());
    const std::vector<double>* got = find(key);
    if (!got && key.ends_with(".rows")) continue;  // a table's, by ids
    findings.measure("gradient of " + key, got ? relative_l2(*got, values_of(tensor)) : kInfinite,
                     TrainingTolerance::kTensor);
  }
  const double floor = TrainingTolerance::kNormFloor * optional_number(row, "grad_norm").value_or(0);
  const json all = row.value("norm_and_direction", json::object());
  for (const auto& [key, want] : all.items()) {
    const std::vector<double>* got = find(key);
    if (!got) {
      findings.measure("there is no gradient of " + key, kInfinite, TrainingTolerance::kNormAndDirection);
      continue;
    }
    std::vector<float> direction(got->size());
    fill_formula_noise("direction." + key, direction);
    double squares = 0, along = 0;
    for (size_t i = 0; i < got->size(); ++i) {
      squares += (*got)[i] * (*got)[i];
      along += (*got)[i] * direction[i];
    }
    const double norm = want.at(0), scale = norm + floor;
    findings.measure("norm of " + key, std::abs(std::sqrt(squares) - norm) / scale,
                     TrainingTolerance::kNormAndDirection);
    findings.measure("direction of " + key, std::abs(along - want.at(1).get<double>()) / scale,
                     TrainingTolerance::kNormAndDirection);
  }
}

void compare_gradient_norm(const json& row, const std::vector<NamedTensor>& parameters, const Gradients& gradients,
                           Findings& findings) {
  if (const auto want = optional_number(row, "grad_norm"))
    findings.measure("norm of all gradients", relative(gradient_norm(parameters, gradients), *want),
                     TrainingTolerance::kGradientNorm);
}

namespace {

void skip_rows(const json& rows, const std::string& file, const std::string& reason, Report& report) {
  int64_t number = 0;
  for (const json& row : rows) {
    const std::string id = word(row, "id", word(row, "name", std::to_string(number++)));
    report.skip(file + "/" + id, reason, id);
  }
}

}  // namespace

void check_training(const Request& request, Report& report) {
  const std::filesystem::path& folder = request.folder;
  const auto has = [&](const std::string& name) { return std::filesystem::exists(folder / (name + ".json")); };
  const auto rows = [&](const std::string& name) { return read_rows(folder / (name + ".json")); };
  const json config = has("config") ? read_json(folder / "config.json") : json::object();

  const std::pair<std::string, std::function<void()>> files[] = {
      {"ops", [&] { check_operators({folder, "ops"}, report); }},
      {"losses", [&] { check_losses({folder, "losses"}, report); }},
      {"loss_weights", [&] { check_loss_weights(rows("loss_weights"), report); }},
      {"zero_terminal", [&] { check_zero_terminal(rows("zero_terminal"), report); }},
      {"optimizers", [&] { check_optimizers({folder, "optimizers"}, report); }},
      {"lr_schedules",
       [&] { skip_rows(rows("lr_schedules"), "lr_schedules", "the reference's schedules are not built yet", report); }},
      {"unet", [&] { check_unet_training({folder, "unet"}, config, report); }},
      {"vae", [&] { check_vae_training({folder, "vae"}, config, report); }},
      {"clip", [&] { check_clip_training({folder, "clip"}, report); }},
      {"finetune",
       [&] { skip_rows(rows("finetune"), "finetune", "LoRA and textual inversion are not built yet", report); }},
      {"buckets",
       [&] {
         const json kinds = read_json(folder / "buckets.json");
         for (const auto& [kind, list] : kinds.items())
           skip_rows(list, "buckets/" + kind, "aspect buckets are not built yet", report);
       }},
  };
  bool any = false;
  for (const auto& [name, check] : files) {
    if (!has(name)) continue;
    any = true;
    check();
  }
  require(any, ErrorKind::bad_file, "{}: none of the files of training reference data is here", folder.string());
}

}  // namespace calotype::checker

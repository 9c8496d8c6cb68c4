#include <algorithm>
#include <regex>

#include "base/error.h"
#include "check/configurations.h"
#include "check/training_cases.h"
#include "diffusion/prediction.h"
#include "diffusion/schedule.h"
#include "load/formula_source.h"
#include "models/unet.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "train/optimizer.h"

namespace calotype::checker {
namespace {

const std::string kPrefix = "model.diffusion_model.";

/// A UNet of the formula's weights, all of them trainable.
struct TrainedUNet {
  explicit TrainedUNet(const UNetConfig& config)
      : keys(unet_keys(config)),
        formula(keys, kPrefix),
        source(formula, [](const std::string&) { return true; }),
        unet(Params(source), config) {}

  KeyMap keys;
  FormulaSource formula;
  TrainableSource source;
  UNet unet;
};

Prediction prediction_of(const json& row) {
  const std::string name = row.at("prediction");
  if (name == "v") return Prediction::v_prediction;
  if (name == "x0") return Prediction::sample;
  require(name == "eps", ErrorKind::unsupported, "the prediction {} is unknown", name);
  return Prediction::epsilon;
}

/// What the name of a row says of its objective: words joined by underscores.
bool says(const json& row, std::string_view what) {
  return word(row, "id").find(what) != std::string::npos;
}

/// a + 0.1 b, where b may have one value for a whole plane: [B,C,1,1] beside [B,C,H,W].
Tensor plus_a_tenth(const Tensor& a, const Tensor& b) {
  Tensor y = Tensor::empty(a.shape());
  const std::span<float> out = y.edit<float>();
  const std::span<const float> base = a.view<float>(), added = b.view<float>();
  const size_t each = base.size() / added.size();
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(base[i] + 0.1 * added[i / each]);
  return y;
}

struct Objective {
  Tensor noised, target;  // channels last
  std::vector<double> times;
  std::vector<double> weights;       // of the loss of each picture, as the row gives those
  std::vector<double> loss_weights;  // of the mean over the batch
};

Objective objective_of(const json& row, const ReferenceTensors& tensors, const NoiseSchedule& schedule,
                       const std::string& inputs) {
  Objective result;
  Tensor noise = tensors.tensor(inputs + "/e");
  const Tensor clean = tensors.tensor(inputs + "/z0");
  const Prediction prediction = prediction_of(row);
  std::vector<Level> levels;
  for (const int time : row.at("t").get<std::vector<int>>()) {
    levels.push_back(schedule.at(time));
    result.times.push_back(time);
  }
  if (says(row, "offset")) noise = plus_a_tenth(noise, tensors.tensor("inputs/offset"));
  const Tensor seen = says(row, "perturbed") ? plus_a_tenth(noise, tensors.tensor("inputs/perturbation")) : noise;
  result.noised = maps_from_reference(add_noise(clean, seen, levels));
  result.target = maps_from_reference(target(prediction, clean, noise, levels));

  const bool prior = says(row, "prior");
  for (const Level& level : levels) {
    const double snr = level.signal * level.signal / (level.noise * level.noise);
    result.weights.push_back(prior || says(row, "min_snr") ? min_snr_weight(prediction, snr) : 1);
  }
  result.loss_weights = result.weights;
  if (prior) {  // a sum, the second picture being the class picture
    require(levels.size() == 2, ErrorKind::bad_file, "prior: an instance and a class picture are wanted");
    result.loss_weights = {2 * result.weights[0], 2 * 0.7 * result.weights[1]};
  }
  return result;
}

/// Mean squared error of each picture, times its weight.
std::vector<double> per_sample(const Tensor& output, const Objective& objective) {
  const std::span<const float> got = output.view<float>(), want = objective.target.view<float>();
  const size_t batch = objective.weights.size(), each = got.size() / batch;
  std::vector<double> errors(batch, 0.0);
  for (size_t i = 0; i < got.size(); ++i) {
    const double difference = double{got[i]} - want[i];
    errors[i / each] += difference * difference / static_cast<double>(each);
  }
  for (size_t b = 0; b < batch; ++b) errors[b] *= objective.weights[b];
  return errors;
}

void check_objective(const json& row, const UNetConfig& config, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id");
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion(says(row, "zero_terminal"));
  const Objective objective = objective_of(row, tensors, schedule, "inputs");
  const TrainedUNet trained(config);
  const Tensor context = tensors.tensor("inputs/context").trainable();

  const Tensor output = trained.unet({.x = objective.noised, .times = objective.times, .context = context});
  const Tensor loss = mean_squared_error(output, objective.target, objective.loss_weights);
  const Gradients gradients = backward(loss);

  findings.measure("loss", relative(loss.item(), row.at("loss")), TrainingTolerance::kLoss);
  if (row.contains("per_sample"))
    findings.measure("loss of each picture",
                     greatest_relative(per_sample(output, objective), row["per_sample"].get<std::vector<double>>()),
                     TrainingTolerance::kLoss);
  if (tensors.has(id + "/z_t"))
    findings.measure("z_t", relative_l2(reference_values(objective.noised), tensors.values(id + "/z_t")),
                     TrainingTolerance::kTensor);
  if (tensors.has(id + "/prediction"))
    findings.measure("prediction", relative_l2(reference_values(output), tensors.values(id + "/prediction")),
                     TrainingTolerance::kTensor);
  if (tensors.has(id + "/dcontext"))
    findings.measure("dcontext", distance(gradients.of(context), tensors.values(id + "/dcontext")),
                     TrainingTolerance::kTensor);
  const auto& parameters = trained.source.parameters();
  compare_gradient_norm(row, parameters, gradients, findings);
  OriginalGradients(trained.keys, kPrefix, parameters, gradients).compare(row, tensors, findings);
}

/// A number after a word: "lr 1e-4".
double said(const std::string& text, const std::string& name, double otherwise) {
  std::smatch match;
  if (!std::regex_search(text, match, std::regex(name + " ([0-9.eE+-]*[0-9])"))) return otherwise;
  return std::stod(match[1]);
}

void compare_weights(const std::string& id, const TrainedUNet& trained, const ReferenceTensors& tensors,
                     Findings& findings) {
  for (const StoredTensor& stored : tensors.all()) {
    const std::string below = id + "/";
    if (!stored.name.starts_with(below + kPrefix)) continue;
    const std::string key = stored.name.substr(below.size() + kPrefix.size());
    const std::vector<const KeyRow*> rows = trained.keys.stored_as(Layout::original, key);
    require(rows.size() == 1, ErrorKind::bad_file, "{}: the UNet has no such weight", stored.name);
    const auto& parameters = trained.source.parameters();
    const auto found = std::ranges::find(parameters, rows[0]->ours, &NamedTensor::name);
    check(found != parameters.end(), "{}: no parameter has this name", rows[0]->ours);
    const std::vector<double> want = values_of(stored);
    const std::vector<float> start = formula_values(kPrefix + key, stored.shape, 0, found->tensor.count());
    findings.measure(key, distance(found->tensor, want), TrainingTolerance::kWeight);
    std::vector<double> step, wanted_step;
    for (size_t i = 0; i < want.size(); ++i) {
      step.push_back(double{found->tensor.view<float>()[i]} - start[i]);
      wanted_step.push_back(want[i] - start[i]);
    }
    findings.measure("steps of " + key, relative_l2(step, wanted_step), TrainingTolerance::kStep);
  }
}

void check_finetune(const json& row, const UNetConfig& config, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id"), words = word(row, "optimizer");
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const TrainedUNet trained(config);
  const auto& parameters = trained.source.parameters();
  AdamW adam(parameters, {.decay = said(words, "decay", 1e-2)});
  const Tensor context = tensors.tensor("inputs/context");
  int number = 0;
  for (json step : row.at("steps")) {
    step["prediction"] = row.at("prediction");
    const std::string name = std::to_string(++number);
    const Objective objective = objective_of(step, tensors, schedule, id + name);
    const Tensor output = trained.unet({.x = objective.noised, .times = objective.times, .context = context});
    const Tensor loss = mean_squared_error(output, objective.target);
    Gradients gradients = backward(loss);
    findings.measure("loss of step " + name, relative(loss.item(), step.at("loss")), TrainingTolerance::kLoss);
    const double norm = gradient_norm(parameters, gradients);
    findings.measure("norm of step " + name, relative(norm, step.at("grad_norm")), TrainingTolerance::kGradientNorm);
    clip_gradients(parameters, gradients, norm, said(words, "clip", 1));
    adam.step(gradients, said(words, "lr", 1e-4));
  }
  compare_weights(id, trained, tensors, findings);
}

}  // namespace

void check_unet_training(const TrainingFile& file, const json& config, Report& report) {
  for (const json& row : file.rows) {
    const std::string id = word(row, "id");
    report.run(
        "unet/" + id,
        [&](Findings& findings) {
          const UNetConfig network = unet_config(config.at("unet"));
          if (row.contains("steps"))
            check_finetune(row, network, file.tensors, findings);
          else
            check_objective(row, network, file.tensors, findings);
        },
        id);
  }
}

}  // namespace calotype::checker

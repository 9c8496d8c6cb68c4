#include <algorithm>
#include <cmath>
#include <optional>
#include <regex>

#include "base/error.h"
#include "check/training_cases.h"
#include "train/ema.h"
#include "train/optimizer.h"

namespace calotype::checker {
namespace {

constexpr double kTolerance = 2e-6;

/// Parameters at their start, of the names that the first row lists.
class Start {
 public:
  Start(const json& row, const ReferenceTensors& tensors) : tensors_(tensors) {
    for (const auto& [name, shape] : row.at("shapes").items()) names_.push_back(name);
  }

  std::vector<NamedTensor> parameters() const {
    std::vector<NamedTensor> list;
    for (const std::string& name : names_) list.push_back({name, tensors_.tensor("start/" + name).trainable()});
    return list;
  }

  /// The gradients of a step: given ones, times a factor, or the parameters' distance from a target.
  Gradients gradients(const std::vector<NamedTensor>& parameters, int step, const std::string& words) const {
    const bool pull = words.find("target") != std::string::npos;
    std::smatch match;
    const double factor =
        std::regex_search(words, match, std::regex("times ([0-9.eE+-]*[0-9])")) ? std::stod(match[1]) : 1;
    Gradients gradients;
    for (const NamedTensor& parameter : parameters) {
      Tensor gradient = tensors_.tensor((pull ? "target" : "grad" + std::to_string(step)) + "/" + parameter.name);
      const std::span<float> values = gradient.edit<float>();
      const std::span<const float> weights = parameter.tensor.view<float>();
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(pull ? double{weights[i]} - values[i] : values[i] * factor);
      gradients.add(parameter.tensor.history(), gradient);
    }
    return gradients;
  }

 private:
  const ReferenceTensors& tensors_;
  std::vector<std::string> names_;
};

bool is_adam(const std::string& id) {
  return id == "adam" || id == "adamw" || id.starts_with("adamw_") || id.starts_with("adam_");
}

AdamWOptions options_of(const json& attributes) {
  AdamWOptions options;
  if (attributes.contains("betas")) {
    options.beta1 = attributes["betas"].at(0);
    options.beta2 = attributes["betas"].at(1);
  }
  options.epsilon = optional_number(attributes, "eps").value_or(options.epsilon);
  const std::string words = word(attributes, "weight_decay");
  options.decay = optional_number(attributes, "weight_decay").value_or(0);
  if (words.empty()) return options;
  // "0.2 on tensors of two or more dimensions, 0 on the others"
  require(words.find("two or more dimensions") != std::string::npos, ErrorKind::unsupported,
          "the weight decay {} is unknown", words);
  options.decay = std::stod(words);
  options.decay_matrices_only = true;
  return options;
}

void compare_all(const std::string& below, const std::vector<NamedTensor>& got, const ReferenceTensors& tensors,
                 Findings& findings) {
  for (const NamedTensor& named : got)
    if (tensors.has(below + named.name))
      findings.measure(below + named.name, distance(named.tensor, tensors.values(below + named.name)), kTolerance);
}

void check_adam(const json& row, const Start& start, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id");
  const json attributes = row.at("attributes");
  std::vector<NamedTensor> parameters = start.parameters();
  AdamW adam(parameters, options_of(attributes));
  const std::optional<double> clip = optional_number(row, "clip");
  for (const json& step : row.at("steps")) {
    const int number = step.at("step");
    Gradients gradients = start.gradients(parameters, number, word(attributes, "gradient"));
    const double norm = gradient_norm(parameters, gradients);
    if (const auto want = optional_number(step, "grad_norm"))
      findings.measure("norm of step " + std::to_string(number), relative(norm, *want),
                       TrainingTolerance::kGradientNorm);
    if (clip) clip_gradients(parameters, gradients, norm, *clip);
    adam.step(gradients, step.at("lr"));
    compare_all(id + "/step" + std::to_string(number) + "/", parameters, tensors, findings);
  }
  for (const NamedTensor& moment : adam.state()) {
    const size_t slash = moment.name.rfind('/');
    const bool first = moment.name.substr(slash + 1) == "first";
    compare_all(id + (first ? "/exp_avg/" : "/exp_avg_sq/"), {{moment.name.substr(0, slash), moment.tensor}}, tensors,
                findings);
  }
}

/// The kind of average whose decays are a row's, and how many updates it counts before the first: nothing where none.
struct Counted {
  EmaDecay decay;
  int64_t before;
};
std::optional<Counted> average_like(const json& attributes, const std::vector<double>& decays) {
  EmaDecay decay;
  decay.cap = optional_number(attributes, "decay").value_or(1);
  decay.power = optional_number(attributes, "power").value_or(decay.power);
  decay.kind = attributes.value("use_ema_warmup", false) ? EmaDecay::Kind::power : EmaDecay::Kind::ldm;
  for (const int64_t before : {int64_t{0}, int64_t{-1}}) {
    bool same = true;
    for (size_t i = 0; i < decays.size(); ++i)
      same = same && std::abs(decay.at(before + 1 + static_cast<int64_t>(i)) - decays[i]) <= 1e-9;
    if (same) return Counted{decay, before};
  }
  return std::nullopt;
}

void check_average(const json& row, const Start& start, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id");
  const std::vector<double> decays = row.at("decay");
  const std::optional<Counted> like = average_like(row.at("attributes"), decays);
  if (!like) throw Skipped{"averages that begin to decay like this are not built yet"};
  for (size_t i = 0; i < decays.size(); ++i)
    findings.measure("decay of update " + std::to_string(i + 1),
                     std::abs(like->decay.at(like->before + 1 + static_cast<int64_t>(i)) - decays[i]), 1e-9);

  std::vector<NamedTensor> parameters = start.parameters();
  AdamW adam(parameters, {.decay = 1e-2});
  Ema average(parameters, like->decay);
  average.set_updates(like->before);
  for (size_t step = 1; step <= decays.size(); ++step) {
    adam.step(start.gradients(parameters, static_cast<int>(step), ""), 1e-2);
    average.update();
    compare_all(id + "/step" + std::to_string(step) + "/", average.averages(), tensors, findings);
  }
}

}  // namespace

void check_optimizers(const TrainingFile& file, Report& report) {
  const auto first = std::ranges::find_if(file.rows, [](const json& row) { return word(row, "id") == "start"; });
  require(first != file.rows.end(), ErrorKind::bad_file, "optimizers.json: there is no row `start`");
  const Start start(*first, file.tensors);
  for (const json& row : file.rows) {
    const std::string id = word(row, "id"), name = "optimizers/" + id;
    if (id == "start") continue;
    if (is_adam(id))
      report.run(name, [&](Findings& findings) { check_adam(row, start, file.tensors, findings); }, id);
    else if (id.starts_with("ema"))
      report.run(name, [&](Findings& findings) { check_average(row, start, file.tensors, findings); }, id);
    else
      report.skip(name, "this optimizer is not built yet", id);
  }
}

}  // namespace calotype::checker

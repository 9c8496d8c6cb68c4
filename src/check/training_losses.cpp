#include <cmath>
#include <functional>

#include "base/error.h"
#include "check/training_cases.h"
#include "diffusion/prediction.h"
#include "diffusion/schedule.h"
#include "ops/depth_losses.h"
#include "ops/losses.h"

namespace calotype::checker {
namespace {

constexpr double kLossTolerance = 1e-6, kTensorTolerance = 3e-6;

/// A row's inputs: those that have a gradient are leaves of the history, the others constants.
class Inputs {
 public:
  Inputs(std::string id, const ReferenceTensors& tensors) : id_(std::move(id)), tensors_(tensors) {}

  Tensor operator()(const std::string& name) {
    Tensor x = tensors_.tensor(id_ + "/" + name);
    if (!tensors_.has(id_ + "/d" + name)) return x;
    return leaves_[name] = x.trainable();
  }
  std::vector<double> list(const std::string& name) const { return tensors_.values(id_ + "/" + name); }
  std::vector<int32_t> integers(const std::string& name) const { return tensors_.integers(id_ + "/" + name); }
  const std::map<std::string, Tensor>& leaves() const { return leaves_; }

 private:
  std::string id_;
  const ReferenceTensors& tensors_;
  std::map<std::string, Tensor> leaves_;
};

using Loss = std::function<Tensor(Inputs& in, const json& attributes)>;

const std::map<std::string, Loss>& losses() {
  static const std::map<std::string, Loss> kLosses = {
      {"mse", [](Inputs& in, const json&) { return mean_squared_error(in("p"), in("y")); }},
      {"mse_weighted", [](Inputs& in, const json&) { return mean_squared_error(in("p"), in("y"), in.list("w")); }},
      {"l1", [](Inputs& in, const json&) { return mean_absolute_error(in("p"), in("y")); }},
      {"huber", [](Inputs& in, const json& a) { return huber(in("p"), in("y"), a.at("c")); }},
      {"kl_gaussian", [](Inputs& in, const json&) { return gaussian_divergence(in("mean"), in("logvar")); }},
      {"cross_entropy", [](Inputs& in, const json&) { return cross_entropy(in("logits"), in.integers("target")); }},
      {"clip_contrastive", [](Inputs& in, const json&) { return contrastive(in("image"), in("text"), in("scale")); }},
      {"one_minus_cosine", [](Inputs& in, const json&) { return one_minus_cosine(in("a"), in("b")); }},
      {"hinge_discriminator", [](Inputs& in, const json&) { return hinge_discriminator(in("real"), in("fake")); }},
      {"hinge_generator", [](Inputs& in, const json&) { return hinge_generator(in("fake")); }},
      {"binary_cross_entropy_with_logits",
       [](Inputs& in, const json&) { return binary_cross_entropy(in("logits"), in("target")); }},
      {"ssi_mse", [](Inputs& in, const json&) { return ssi_mse(in("d"), in("y"), in("mask")); }},
      {"ssi_trimmed", [](Inputs& in, const json&) { return ssi_trimmed(in("d"), in("y"), in("mask")); }},
      {"gradient_matching",
       [](Inputs& in, const json& a) {
         return gradient_matching(in("d"), in("y"), in("mask"), static_cast<int>(a.value("scales", 4)));
       }},
  };
  return kLosses;
}

/// Noising and the velocity at the times of a row, base schedule.
void check_conversion(const std::string& id, const ReferenceTensors& tensors, Findings& findings) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  std::vector<Level> levels;
  for (const int32_t time : tensors.integers(id + "/t")) levels.push_back(schedule.at(time));
  const Tensor clean = tensors.tensor(id + "/z0"), noise = tensors.tensor(id + "/e");
  findings.measure("z_t", distance(add_noise(clean, noise, levels), tensors.values(id + "/z_t")), kTensorTolerance);
  findings.measure("v", distance(target(Prediction::v_prediction, clean, noise, levels), tensors.values(id + "/v")),
                   kTensorTolerance);
}

void check_loss(const json& row, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id"), name = row.at("op");
  if (name == "noise_and_targets") return check_conversion(id, tensors, findings);
  const auto found = losses().find(name);
  if (found == losses().end()) throw Skipped{"the loss " + name + " is not built yet"};
  Inputs inputs(id, tensors);
  const Tensor loss = found->second(inputs, row.value("attributes", json::object()));
  findings.measure("loss", relative(loss.item(), row.at("loss")), kLossTolerance);
  const Gradients gradients = backward(loss);
  for (const auto& [input, leaf] : inputs.leaves())
    findings.measure("d" + input, distance(gradients.of(leaf), tensors.values(id + "/d" + input)), kTensorTolerance);
}

}  // namespace

void check_losses(const TrainingFile& file, Report& report) {
  for (const json& row : file.rows) {
    const std::string id = word(row, "id");
    report.run("losses/" + id, [&](Findings& findings) { check_loss(row, file.tensors, findings); }, id);
  }
}

namespace {

constexpr double kTableTolerance = 1e-9;

/// A column of rows by timestep against what `value` gives at each of them.
void check_column(const std::vector<json>& rows, const std::string& file, const std::string& column,
                  const std::function<double(int time)>& value, Report& report) {
  report.run(
      file + "/" + column,
      [&](Findings& findings) {
        for (const json& row : rows) {
          const int time = row.at("t");
          findings.measure("t " + std::to_string(time), relative(value(time), row.at(column)), kTableTolerance);
        }
      },
      file);
}

}  // namespace

void check_loss_weights(const std::vector<json>& rows, Report& report) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const auto share = [&](int time) { return schedule.alphas_cumprod().at(static_cast<size_t>(time)); };
  const auto snr = [&](int time) { return share(time) / (1 - share(time)); };
  const std::pair<std::string, std::function<double(int)>> columns[] = {
      {"alphas_cumprod", share},
      {"snr", snr},
      {"min_snr5_eps", [&](int time) { return min_snr_weight(Prediction::epsilon, snr(time)); }},
      {"min_snr5_v", [&](int time) { return min_snr_weight(Prediction::v_prediction, snr(time)); }},
      {"min_snr5_x0", [&](int time) { return min_snr_weight(Prediction::sample, snr(time)); }},
  };
  for (const auto& [name, value] : columns)
    if (!rows.empty() && rows[0].contains(name)) check_column(rows, "loss_weights", name, value, report);
  for (const char* name : {"truncated_x0", "debiased_eps", "debiased_v", "v_like_eps"})
    if (!rows.empty() && rows[0].contains(name))
      report.skip("loss_weights/" + std::string(name), "weights of this kind are not built yet", "loss_weights");
}

void check_zero_terminal(const std::vector<json>& rows, Report& report) {
  const std::vector<double> rescaled = zero_terminal_snr(betas(BetaKind::scaled_linear, 0.00085, 0.012));
  const NoiseSchedule schedule(rescaled);
  const auto at = [](const std::vector<double>& table) {
    return [&table](int time) { return table.at(static_cast<size_t>(time)); };
  };
  check_column(rows, "zero_terminal", "alphas_cumprod", at(schedule.alphas_cumprod()), report);
  check_column(rows, "zero_terminal", "beta", at(rescaled), report);
}

}  // namespace calotype::checker

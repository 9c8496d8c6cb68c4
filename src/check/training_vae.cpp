#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "check/configurations.h"
#include "check/training_cases.h"
#include "load/formula_source.h"
#include "models/vae.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/norm.h"
#include "train/optimizer.h"

namespace calotype::checker {
namespace {

const std::string kPrefix = "first_stage_model.";
constexpr double kDivergenceWeight = 1e-6;

bool of_decoder(const std::string& path) {
  return path.starts_with("decoder.") || path.starts_with("post_quant.");
}

/// An autoencoder of the formula's weights; all are trainable, or those of the way out only.
struct TrainedVae {
  TrainedVae(const VaeConfig& config, bool decoder_only)
      : keys(vae_keys(config)),
        formula(keys, kPrefix),
        source(formula, [decoder_only](const std::string& path) { return !decoder_only || of_decoder(path); }),
        vae(Params(source), config) {}

  KeyMap keys;
  FormulaSource formula;
  TrainableSource source;
  Vae vae;
};

/// A pass through the whole autoencoder and its losses.
struct Pass {
  Pass(const Vae& vae, const Tensor& picture, const Tensor& noise)
      : posterior(vae.encode(picture)), z(posterior.sample(noise)), y(vae.decode(z)) {}
  Posterior posterior;
  Tensor z, y;
};

double elements_of_picture(const Tensor& x) {
  return static_cast<double>(x.count()) / static_cast<double>(x.dim(0));
}

struct Losses {
  Tensor total, reconstruction;
  double divergence = 0;
};

/// `sum_l1` sums over a picture, `mean_l1` takes the mean, `mse` has squares and no divergence.
Losses losses_of(const std::string& kind, const Pass& pass, const Tensor& picture) {
  if (kind.starts_with("mse")) {
    const Tensor error = mean_squared_error(pass.y, picture);
    return {error, error, 0};
  }
  const bool sums = !kind.starts_with("mean_l1");
  const Tensor error = mean_absolute_error(pass.y, picture) * (sums ? elements_of_picture(picture) : 1.0);
  const Tensor divergence = gaussian_divergence(pass.posterior.mean, pass.posterior.log_variance) *
                            (sums ? 1.0 : 1 / elements_of_picture(pass.posterior.mean));
  return {error + divergence * kDivergenceWeight, error, divergence.item()};
}

void compare_map(const std::string& name, const Tensor& got, const json& row, const ReferenceTensors& tensors,
                 Findings& findings) {
  const std::string stored = word(row, "id") + "/" + name;
  if (tensors.has(stored))
    findings.measure(name, relative_l2(reference_values(got), tensors.values(stored)), TrainingTolerance::kTensor);
}

void compare_number(const char* name, double got, const json& row, double tolerance, Findings& findings) {
  if (const auto want = optional_number(row, name)) findings.measure(name, relative(got, *want), tolerance);
}

void check_plain(const json& row, const VaeConfig& config, const ReferenceTensors& tensors, Findings& findings) {
  const std::string id = row.at("id");
  const Tensor picture = maps_from_reference(tensors.tensor("inputs/x"));
  const TrainedVae trained(config, id.starts_with("mse"));
  const Pass pass(trained.vae, picture, maps_from_reference(tensors.tensor("inputs/noise")));
  const Losses losses = losses_of(id, pass, picture);
  const Gradients gradients = backward(losses.total);

  compare_number("loss", losses.total.item(), row, TrainingTolerance::kLoss, findings);
  compare_number("reconstruction", losses.reconstruction.item(), row, TrainingTolerance::kLoss, findings);
  compare_number("kl", losses.divergence, row, TrainingTolerance::kLoss, findings);
  compare_map("mean", pass.posterior.mean, row, tensors, findings);
  compare_map("logvar", pass.posterior.log_variance, row, tensors, findings);
  compare_map("z", pass.z, row, tensors, findings);
  compare_map("y", pass.y, row, tensors, findings);
  compare_gradient_norm(row, trained.source.parameters(), gradients, findings);
  OriginalGradients(trained.keys, kPrefix, trained.source.parameters(), gradients).compare(row, tensors, findings);
}

/// The reference's judge of patches: three convolutions, the second without bias and followed by a batch norm, leaky
/// slopes between. Weights of the formula; their shapes are those of the stored gradients.
class Discriminator {
 public:
  Discriminator(const ReferenceTensors& tensors, bool trainable) {
    for (const char* name : {"0.weight", "0.bias", "2.weight", "3.weight", "3.bias", "5.weight", "5.bias"}) {
      const std::string key = std::string("discriminator.main.") + name;
      const Shape shape = tensors.shape("gan_discriminator/d/" + key);
      const Tensor weight = Tensor::from<float>(formula_values(key, shape, 0, shape.count()), shape);
      weights_.push_back({key, trainable ? weight.trainable() : weight});
    }
  }

  /// Pictures [B,H,W,3] -> a judgement of each patch [B,h,w,1].
  Tensor operator()(const Tensor& picture) const {
    const auto& w = weights_;
    const ConvOptions halving{.kernel = 4, .stride = 2, .padding = 1}, last{.kernel = 4, .stride = 1, .padding = 1};
    const Tensor first = leaky_relu(conv2d(picture, w[0].tensor, w[1].tensor, halving));
    const Tensor second = batch_norm(conv2d(first, w[2].tensor, {}, halving), w[3].tensor, w[4].tensor, 1e-5);
    return conv2d(leaky_relu(second), w[5].tensor, w[6].tensor, last);
  }
  const std::vector<NamedTensor>& weights() const { return weights_; }

 private:
  std::vector<NamedTensor> weights_;
};

double length_of(const Tensor& x) {
  double sum = 0;
  for (const float value : x.view<float>()) sum += double{value} * value;
  return std::sqrt(sum);
}

/// 0.5 times how much greater the reconstruction's gradient of the last layer is than the judge's (Esser et al. 2021).
double adaptive_weight(const TrainedVae& trained, const Discriminator& judge, const Tensor& picture,
                       const Tensor& noise) {
  const Tensor& last = trained.vae.decoder.conv_out.weight;
  // A walk frees its history, so each has a pass of its own.
  const Pass first(trained.vae, picture, noise), second(trained.vae, picture, noise);
  const double reconstruction = length_of(backward(losses_of("sum_l1", first, picture).reconstruction).of(last));
  const double judged = length_of(backward(hinge_generator(judge(second.y))).of(last));
  return 0.5 * std::clamp(reconstruction / (judged + 1e-4), 0.0, 1e4);
}

void check_generator(const json& row, const VaeConfig& config, const ReferenceTensors& tensors, Findings& findings) {
  const Tensor picture = maps_from_reference(tensors.tensor("inputs/x"));
  const Tensor noise = maps_from_reference(tensors.tensor("inputs/noise"));
  const TrainedVae trained(config, false);
  const Discriminator judge(tensors, false);
  const double weight = adaptive_weight(trained, judge, picture, noise);
  const Pass pass(trained.vae, picture, noise);
  const Tensor generator = hinge_generator(judge(pass.y));
  const Tensor loss = losses_of("sum_l1", pass, picture).total + generator * weight;
  compare_number("generator", generator.item(), row, TrainingTolerance::kGenerator, findings);
  compare_number("adaptive_weight", weight, row, TrainingTolerance::kLoss, findings);
  compare_number("loss", loss.item(), row, TrainingTolerance::kLoss, findings);
  const Gradients gradients = backward(loss);
  compare_gradient_norm(row, trained.source.parameters(), gradients, findings);
  OriginalGradients(trained.keys, kPrefix, trained.source.parameters(), gradients).compare(row, tensors, findings);
}

void check_discriminator(const json& row, const VaeConfig& config, const ReferenceTensors& tensors,
                         Findings& findings) {
  const Tensor picture = maps_from_reference(tensors.tensor("inputs/x"));
  const TrainedVae trained(config, false);
  const Pass pass(trained.vae, picture, maps_from_reference(tensors.tensor("inputs/noise")));
  const Discriminator judge(tensors, true);
  const Tensor real = judge(picture), fake = judge(pass.y.detach());
  const Tensor loss = hinge_discriminator(real, fake);
  compare_number("loss", loss.item(), row, TrainingTolerance::kLoss, findings);
  compare_map("real", real, row, tensors, findings);
  compare_map("fake", fake, row, tensors, findings);
  const Gradients gradients = backward(loss);
  for (const NamedTensor& weight : judge.weights()) {
    const std::string stored = word(row, "id") + "/d/" + weight.name;
    if (tensors.has(stored))
      findings.measure("gradient of " + weight.name, distance(gradients.of(weight.tensor), tensors.values(stored)),
                       TrainingTolerance::kTensor);
  }
}

}  // namespace

void check_vae_training(const TrainingFile& file, const json& config, Report& report) {
  for (const json& row : file.rows) {
    const std::string id = word(row, "id");
    report.run(
        "vae/" + id,
        [&](Findings& findings) {
          const VaeConfig network = vae_config(config.at("vae"));
          if (id.starts_with("sum_l1") || id.starts_with("mean_l1") || id.starts_with("mse"))
            check_plain(row, network, file.tensors, findings);
          else if (id == "gan_generator")
            check_generator(row, network, file.tensors, findings);
          else if (id == "gan_discriminator")
            check_discriminator(row, network, file.tensors, findings);
          else
            throw Skipped{"the objective " + id + " is not built yet"};
        },
        id);
  }
}

}  // namespace calotype::checker

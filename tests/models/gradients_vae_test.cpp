#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/formula.h"
#include "models/original_network.h"
#include "models/vae.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "ops/norm.h"

namespace calotype {
namespace {

using testing::expect_number;
using testing::golden_map;
using testing::GoldenFile;

const VaeConfig kConfig{.ch = 64, .ch_mult = {1, 2}, .num_res_blocks = 1};
constexpr double kKlWeight = 1e-6;

const GoldenFile& golden() {
  static const GoldenFile file("training/vae");
  return file;
}

const nlohmann::json& row_of(const char* id) {
  for (const auto& row : golden().json())
    if (row.at("id") == id) return row;
  throw std::runtime_error(std::string("no row ") + id);
}

struct Network {
  testing::OriginalWeights weights;
  Vae vae;

  explicit Network(std::function<bool(const std::string&)> wanted = {})
      : weights(vae_keys(kConfig), "first_stage_model.", std::move(wanted)), vae(Params(weights.source()), kConfig) {}
};

/// A picture through the autoencoder and its losses, summed over a picture or as a mean.
struct Pass {
  Tensor x, z, y, sum_l1, mean_l1, kl;
  Posterior posterior;

  explicit Pass(const Vae& vae) : x(golden_map(golden(), "inputs/x")), posterior(vae.encode(x)) {
    z = posterior.sample(golden_map(golden(), "inputs/noise"));
    y = vae.decode(z);
    mean_l1 = mean_absolute_error(y, x);
    sum_l1 = mean_l1 * double(x.count() / x.dim(0));
    kl = gaussian_divergence(posterior.mean, posterior.log_variance);
  }
};

TEST(GradientsOfVae, AbsoluteErrorAndDivergenceSummed) {
  const nlohmann::json& row = row_of("sum_l1");
  const Network network;
  const Pass pass(network.vae);
  const Tensor loss = pass.sum_l1 + pass.kl * kKlWeight;
  testing::expect_near(pass.posterior.mean, golden(), "sum_l1/mean", 2e-5);
  testing::expect_near(pass.posterior.log_variance, golden(), "sum_l1/logvar", 2e-5);
  testing::expect_near(pass.z, golden(), "sum_l1/z", 2e-5);
  testing::expect_near(pass.y, golden(), "sum_l1/y", 2e-5);
  expect_number(loss.item(), row.at("loss"), 2e-6, "loss");
  expect_number(pass.sum_l1.item(), row.at("reconstruction"), 2e-6, "reconstruction");
  expect_number(pass.kl.item(), row.at("kl"), 2e-6, "kl");
  const testing::OriginalGradients gradients(backward(loss), {&network.weights});
  expect_number(gradients.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  gradients.expect_norms_and_directions(row.at("norm_and_direction"));
  gradients.expect_near(golden(), "sum_l1/d/", 2e-5);
}

TEST(GradientsOfVae, Means) {
  const nlohmann::json& row = row_of("mean_l1");
  const Network network;
  const Pass pass(network.vae);
  const Tensor kl = pass.kl * (double(pass.z.dim(0)) / double(pass.z.count()));
  const Tensor loss = pass.mean_l1 + kl * kKlWeight;
  expect_number(loss.item(), row.at("loss"), 2e-6, "loss");
  expect_number(kl.item(), row.at("kl"), 2e-6, "kl");
  const testing::OriginalGradients gradients(backward(loss), {&network.weights});
  expect_number(gradients.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  gradients.expect_near(golden(), "mean_l1/d/", 2e-5);
}

TEST(GradientsOfVae, DecoderAlone) {
  const nlohmann::json& row = row_of("mse");
  const Network network(
      [](const std::string& path) { return path.starts_with("decoder") || path.starts_with("post_quant"); });
  const Pass pass(network.vae);
  EXPECT_FALSE(pass.z.tracked());
  const Tensor loss = mean_squared_error(pass.y, pass.x);
  expect_number(loss.item(), row.at("loss"), 2e-6, "loss");
  const testing::OriginalGradients gradients(backward(loss), {&network.weights});
  expect_number(gradients.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  gradients.expect_near(golden(), "mse/d/", 2e-5);
}

/// The small patch discriminator of the reference (Isola et al. 2017).
struct Discriminator {
  std::map<std::string, Tensor> weights;

  explicit Discriminator(bool trainable) {
    const auto add = [&](const std::string& name, Shape shape) {
      Tensor weight = Tensor::empty(shape);
      const std::string key = "discriminator.main." + name;
      fill_formula(key, formula_scale(key, shape.extents()), 0, weight.edit<float>());
      weights[name] = trainable ? weight.trainable() : weight;
    };
    add("0.weight", {8, 3, 4, 4});
    add("0.bias", {8});
    add("2.weight", {16, 8, 4, 4});
    add("3.weight", {16});
    add("3.bias", {16});
    add("5.weight", {1, 16, 4, 4});
    add("5.bias", {1});
  }
  Tensor operator()(const Tensor& x) const {
    const ConvOptions half{.kernel = 4, .stride = 2};
    const Tensor h = leaky_relu(conv2d(x, weights.at("0.weight"), weights.at("0.bias"), half));
    const Tensor normed =
        batch_norm(conv2d(h, weights.at("2.weight"), {}, half), weights.at("3.weight"), weights.at("3.bias"), 1e-5);
    return conv2d(leaky_relu(normed), weights.at("5.weight"), weights.at("5.bias"), {.kernel = 4});
  }
};

double length(const Tensor& x) {
  double sum = 0;
  for (const float v : x.view<float>()) sum += double(v) * double(v);
  return std::sqrt(sum);
}

TEST(GradientsOfVae, AdversarialPair) {
  const nlohmann::json& row = row_of("gan_generator");
  const Network network;
  const Discriminator frozen(false);
  const Tensor& last = network.vae.decoder.conv_out.weight;
  // History goes as it is walked, so each of the three gradients has a pass of its own.
  const double by_picture = length(backward(Pass(network.vae).sum_l1).of(last));
  const double by_judge = length(backward(hinge_generator(frozen(Pass(network.vae).y))).of(last));
  const double weight = 0.5 * std::clamp(by_picture / (by_judge + 1e-4), 0.0, 1e4);
  expect_number(weight, row.at("adaptive_weight"), 2e-6, "adaptive_weight");
  const Pass pass(network.vae);
  const Tensor generator = hinge_generator(frozen(pass.y));
  expect_number(generator.item(), row.at("generator"), 2e-5, "generator");
  const Tensor loss = pass.sum_l1 + pass.kl * kKlWeight + generator * weight;
  expect_number(loss.item(), row.at("loss"), 2e-6, "loss");
  const testing::OriginalGradients gradients(backward(loss), {&network.weights});
  expect_number(gradients.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  gradients.expect_near(golden(), "gan_generator/d/", 2e-5);

  const nlohmann::json& other = row_of("gan_discriminator");
  const Discriminator discriminator(true);
  const Tensor real = discriminator(pass.x), fake = discriminator(pass.y.detach());
  testing::expect_near(real, golden(), "gan_discriminator/real", 2e-5);
  testing::expect_near(fake, golden(), "gan_discriminator/fake", 2e-5);
  const Tensor hinge = hinge_discriminator(real, fake);
  expect_number(hinge.item(), other.at("loss"), 2e-6, "discriminator");
  const Gradients by_weight = backward(hinge);
  for (const auto& [name, tensor] : discriminator.weights) {
    const Tensor g = by_weight.of(tensor);
    ASSERT_TRUE(g) << name;
    const std::vector<float> values(g.view<float>().begin(), g.view<float>().end());
    const std::string key = "gan_discriminator/d/discriminator.main." + name;
    EXPECT_LE(testing::distance(values, golden().values<float>(key)), 2e-5) << name;
  }
}

}  // namespace
}  // namespace calotype

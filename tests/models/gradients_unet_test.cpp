#include <gtest/gtest.h>

#include <cstring>

#include "diffusion/prediction.h"
#include "diffusion/schedule.h"
#include "kernels/testing.h"
#include "models/original_network.h"
#include "models/unet.h"
#include "ops/arithmetic.h"
#include "ops/losses.h"
#include "tensor/checkpoint.h"
#include "train/optimizer.h"

namespace calotype {
namespace {

using testing::golden_map;
using testing::golden_tensor;
using testing::GoldenFile;

const UNetConfig kConfig{.model_channels = 64,
                         .channel_mult = {1, 2},
                         .num_res_blocks = 1,
                         .attention_resolutions = {1, 2},
                         .num_head_channels = 32,
                         .context_dim = 64};

struct Network {
  testing::OriginalWeights weights{unet_keys(kConfig), "model.diffusion_model."};
  UNet unet{Params(weights.source()), kConfig};
};

const GoldenFile& golden() {
  static const GoldenFile file("training/unet");
  return file;
}

/// One batch as a row of the reference has it.
struct Objective {
  Prediction prediction;
  std::vector<double> times;
  std::vector<double> weights;  // of each picture in the mean over pictures
  Tensor noisy = {}, wanted = {}, context = {};

  Tensor output(const UNet& unet) const { return unet({.x = noisy, .times = times, .context = context}); }
  Tensor loss_of(const Tensor& output) const { return mean_squared_error(output, wanted, weights); }
};

Prediction prediction_of(const nlohmann::json& row) {
  return prediction_from(row.at("prediction").get<std::string>()).value();
}

std::vector<Level> levels_at(const std::vector<double>& times, bool zero_terminal) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion(zero_terminal);
  std::vector<Level> levels;
  for (const double time : times) levels.push_back(schedule.at(int(time)));
  return levels;
}

Objective objective_of(const nlohmann::json& row) {
  const std::string id = row.at("id");
  Objective o{.prediction = prediction_of(row), .times = row.at("t"), .weights = {1, 1}};
  const std::vector<Level> levels = levels_at(o.times, id == "v_zero_terminal");
  const Tensor clean = golden_map(golden(), "inputs/z0");
  Tensor noise = golden_map(golden(), "inputs/e");
  if (id.find("offset") != std::string::npos) {
    const Tensor offset = golden_map(golden(), "inputs/offset");  // [2, 1, 1, 4]: one value for all pixels
    Tensor spread = Tensor::empty(noise.shape());
    for (int64_t i = 0; i < spread.count(); ++i)
      spread.edit<float>()[i] = offset.view<float>()[i / (64 * 4) * 4 + i % 4];
    noise = noise + spread * 0.1;
  }
  const bool perturbed = id.find("perturbed") != std::string::npos;
  const Tensor added = perturbed ? noise + golden_map(golden(), "inputs/perturbation") * 0.1 : noise;
  o.noisy = add_noise(clean, added, levels);
  o.wanted = target(o.prediction, clean, noise, levels);
  o.context = golden_tensor(golden(), "inputs/context");
  if (id.ends_with("min_snr") || id == "prior")
    for (size_t b = 0; b < 2; ++b)
      o.weights[b] = min_snr_weight(o.prediction, std::pow(levels[b].signal / levels[b].noise, 2));
  if (id == "prior") o.weights = {2 * o.weights[0], 2 * 0.7 * o.weights[1]};  // a sum of two, not their mean
  return o;
}

void check_row(const nlohmann::json& row) {
  const std::string id = row.at("id");
  SCOPED_TRACE(id);
  Network network;
  Objective o = objective_of(row);
  o.context = o.context.trainable();
  const Tensor output = o.output(network.unet);
  const Tensor loss = o.loss_of(output);
  testing::expect_number(loss.item(), row.at("loss"), 2e-6, "loss");
  const Gradients gradients = backward(loss);
  const testing::OriginalGradients original(gradients, {&network.weights});
  testing::expect_number(original.norm(), row.at("grad_norm"), 1e-5, "grad_norm");
  original.expect_near(golden(), id + "/d/", 2e-5);
  if (!row.contains("norm_and_direction")) return;
  testing::expect_near(o.noisy, golden(), id + "/z_t", 1e-6);
  testing::expect_near(output, golden(), id + "/prediction", 2e-5);
  testing::expect_near(gradients.of(o.context), golden(), id + "/dcontext", 2e-5);
  original.expect_norms_and_directions(row.at("norm_and_direction"));
}

const nlohmann::json& row_of(const char* id) {
  for (const auto& row : golden().json())
    if (row.at("id") == id) return row;
  throw std::runtime_error(std::string("no row ") + id);
}

TEST(GradientsOfUNet, EveryObjective) {
  for (const auto& row : golden().json())
    if (row.contains("loss")) check_row(row);
}

TEST(GradientsOfUNet, EveryIsa) {
  testing::for_each_isa([] { check_row(row_of("v")); });
}

TEST(GradientsOfUNet, CheckpointGivesTheSameBits) {
  const auto gradients_of = [](bool sparse) {
    const Network network;
    const Objective o = objective_of(row_of("v"));
    const auto run = [&](const std::vector<Tensor>& in) {
      return network.unet({.x = in[0], .times = o.times, .context = in[1]});
    };
    const std::vector<Tensor> inputs{o.noisy, o.context};
    const Gradients gradients = backward(o.loss_of(sparse ? checkpoint(run, inputs) : run(inputs)));
    return network.weights.by_key([&](const Tensor& p) { return gradients.of(p); });
  };
  const auto plain = gradients_of(false), sparse = gradients_of(true);
  for (const auto& [key, gradient] : plain)
    EXPECT_EQ(0, std::memcmp(gradient.data(), sparse.at(key).data(), gradient.size() * sizeof(float))) << key;
}

TEST(GradientsOfUNet, HalvesOfABatchAddUpToIt) {
  const Network network;
  const Objective whole = objective_of(row_of("v"));
  const auto by_key = [&](const Gradients& g) {
    return network.weights.by_key([&](const Tensor& p) { return g.of(p); });
  };
  const auto together = by_key(backward(whole.loss_of(whole.output(network.unet))));
  std::map<std::string, std::vector<float>> sum;
  for (int64_t b = 0; b < 2; ++b) {
    const Objective half{.prediction = whole.prediction,
                         .times = {whole.times[b]},
                         .weights = {0.5},
                         .noisy = whole.noisy.rows(b, 1),
                         .wanted = whole.wanted.rows(b, 1),
                         .context = whole.context.rows(b, 1)};
    for (const auto& [key, gradient] : by_key(backward(half.loss_of(half.output(network.unet))))) {
      std::vector<float>& total = sum[key];
      total.resize(gradient.size());
      for (size_t i = 0; i < total.size(); ++i) total[i] += gradient[i];
    }
  }
  double all = 0;
  for (const auto& [key, gradient] : together)
    for (const float g : gradient) all += double(g) * double(g);
  for (const auto& [key, gradient] : together) {
    double off = 0, size = 0;
    for (size_t i = 0; i < gradient.size(); ++i) {
      off += std::pow(double(sum[key][i]) - double(gradient[i]), 2);
      size += double(gradient[i]) * double(gradient[i]);
    }
    // Gradients that are zero but for roundings are allowed those of the whole.
    EXPECT_LE(std::sqrt(off), 4e-6 * (std::sqrt(size) + 0.02 * std::sqrt(all))) << key;
  }
}

TEST(GradientsOfUNet, ThreeStepsOfAdamW) {
  Network network;
  const nlohmann::json& row = row_of("finetune");
  const auto values = [](const Tensor& p) { return p; };
  const auto before = network.weights.by_key(values);
  AdamW optimizer(network.weights.parameters(), {.decay = 1e-2});
  for (size_t step = 0; step < row.at("steps").size(); ++step) {
    const nlohmann::json& expected = row.at("steps").at(step);
    const std::string inputs = "finetune" + std::to_string(step + 1);
    const std::vector<double> times = expected.at("t");
    const std::vector<Level> levels = levels_at(times, false);
    const Tensor clean = golden_map(golden(), inputs + "/z0"), noise = golden_map(golden(), inputs + "/e");
    const Objective o{.prediction = prediction_of(row),
                      .times = times,
                      .weights = {1, 1},
                      .noisy = add_noise(clean, noise, levels),
                      .wanted = target(prediction_of(row), clean, noise, levels),
                      .context = golden_tensor(golden(), "inputs/context")};
    const Tensor loss = o.loss_of(o.output(network.unet));
    testing::expect_number(loss.item(), expected.at("loss"), 2e-6, inputs);
    Gradients gradients = backward(loss);
    const double norm = gradient_norm(network.weights.parameters(), gradients);
    testing::expect_number(norm, expected.at("grad_norm"), 1e-5, inputs);
    clip_gradients(network.weights.parameters(), gradients, norm, 1);
    optimizer.step(gradients, 1e-4);
  }
  int compared = 0;
  for (const auto& [key, after] : network.weights.by_key(values)) {
    if (!golden().has("finetune/" + key)) continue;
    const std::vector<float> wanted = golden().values<float>("finetune/" + key);
    EXPECT_LE(testing::distance(after, wanted), 2e-6) << key;
    std::vector<float> moved = after, should_move = wanted;
    for (size_t i = 0; i < moved.size(); ++i) {
      moved[i] -= before.at(key)[i];
      should_move[i] -= before.at(key)[i];
    }
    EXPECT_LE(testing::distance(moved, should_move), 5e-3) << key;
    ++compared;
  }
  EXPECT_EQ(compared, 10);
}

}  // namespace
}  // namespace calotype

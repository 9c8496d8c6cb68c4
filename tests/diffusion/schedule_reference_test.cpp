#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "diffusion/guidance.h"
#include "diffusion/noise.h"
#include "diffusion/samplers.h"
#include "diffusion/sigmas.h"
#include "support/golden_file.h"

namespace calotype {
namespace {

using nlohmann::json;
using testing::GoldenFile;

const GoldenFile& golden() {
  static const GoldenFile file("samplers/schedules");
  return file;
}

Tensor tensor_named(const std::string& name) {
  const std::vector<int64_t> shape = golden().shape(name);
  return Tensor::from<float>(golden().values<float>(name), Shape(std::span(shape)));
}

/// Relative to the greatest value wanted, or to 1.
void expect_close(const Tensor& got, const std::string& name, double tolerance) {
  const std::vector<float> want = golden().values<float>(name);
  const std::span<const float> values = got.view<float>();
  ASSERT_EQ(values.size(), want.size());
  double scale = 1, worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    scale = std::max<double>(scale, std::abs(want[i]));
    worst = std::max<double>(worst, std::abs(double{values[i]} - want[i]));
  }
  EXPECT_LE(worst, tolerance * scale) << name;
}

std::vector<double> betas_named(const std::string& name) {
  if (name == "sd") return betas(BetaKind::scaled_linear, 0.00085, 0.012);
  if (name == "x4") return betas(BetaKind::scaled_linear, 0.0001, 0.02);
  if (name == "linear") return betas(BetaKind::linear, 0.0001, 0.02);
  if (name == "cosine") return betas(BetaKind::squared_cosine, 0, 0);
  return zero_terminal_snr(betas(BetaKind::scaled_linear, 0.00085, 0.012));
}

TEST(ScheduleReference, SharesOfSignal) {
  for (const json& row : golden().json().at("betas")) {
    const std::string name = row.at("name");
    SCOPED_TRACE(name);
    const std::vector<double> got = NoiseSchedule(betas_named(name)).alphas_cumprod();
    if (const std::string tensor = "alphas_cumprod." + name + ".f64"; golden().has(tensor)) {
      const std::vector<double> want = golden().values<double>(tensor);
      for (size_t t = 0; t < want.size(); ++t) ASSERT_NEAR(got[t], want[t], 1e-6 * want[t]) << t;
    } else if (name == "sd_zero_snr") {
      const std::vector<float> want = golden().values<float>("alphas_cumprod.sd_zero_snr.f32");
      for (size_t t = 0; t < want.size(); ++t) ASSERT_NEAR(got[t], want[t], 2e-6 * std::max(want[t], 1e-3f)) << t;
      EXPECT_EQ(got.back(), 0);
    }
  }
}

std::vector<double> timesteps_of(const std::string& family, const std::string& spacing, int steps) {
  if (family == "ldm_ddim") return ldm_timesteps(steps);
  if (family == "a1111_ddim") {
    std::vector<double> times = web_ui_timesteps(steps);
    times.pop_back();
    return times;
  }
  const Spacing kind = *spacing_from(spacing);
  if (family == "ddim" || family == "ddpm") return ddim_timesteps(kind, steps);
  if (family == "euler") return sigma_timesteps(kind, steps);
  return multistep_timesteps(kind, steps);
}

TEST(ScheduleReference, Timesteps) {
  for (const json& row : golden().json().at("timesteps")) {
    if (row.at("family") == "lcm") continue;
    SCOPED_TRACE(row.dump().substr(0, 100));
    const std::vector<double> want = row.at("timesteps");
    const std::vector<double> got = timesteps_of(row.at("family"), row.at("spacing"), row.at("steps"));
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(static_cast<float>(got[i]), static_cast<float>(want[i])) << i;
  }
}

/// Sigma of the kinds that no sampler's plan has.
std::vector<double> other_sigmas(const std::string& kind, int steps, const NoiseSchedule& schedule) {
  if (kind == "polyexponential_rho1")
    return polyexponential_sigmas(steps, schedule.lowest_sigma(), schedule.highest_sigma(), 1);
  if (kind == "polyexponential_rho2.5")
    return polyexponential_sigmas(steps, schedule.lowest_sigma(), schedule.highest_sigma(), 2.5);
  if (kind == "karras_0.1_10_rho5") return karras_sigmas(steps, 0.1, 10, 5);
  if (kind == "vp") return vp_sigmas(steps);
  return {};
}

TEST(ScheduleReference, Sigmas) {
  const std::set<std::string> sigma_classes = {"EulerDiscreteScheduler", "LMSDiscreteScheduler"};
  const std::set<std::string> multistep_classes = {"DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler",
                                                   "UniPCMultistepScheduler"};
  int rows = 0;
  for (const json& row : golden().json().at("sigmas")) {
    std::string kind = row.at("kind");
    const std::string cls = row.value("cls", "");
    if (kind == "log_linear" || (!cls.empty() && !sigma_classes.contains(cls) && !multistep_classes.contains(cls)))
      continue;
    SCOPED_TRACE(row.dump().substr(0, 140));
    ++rows;
    const NoiseSchedule schedule = NoiseSchedule::stable_diffusion(kind == "zero_snr");
    PlanRequest request{.steps = row.at("steps"), .recipe = cls.empty() ? Recipe::web_ui : Recipe::diffusers};
    if (row.contains("spacing") && !row["spacing"].is_null())
      request.spacing = *spacing_from(row["spacing"].get<std::string>());
    request.end_at_lowest_sigma = kind == "sigma_min_end";
    request.continuous_times = kind == "continuous_v";
    if (kind.starts_with("discard_next_to_last(")) {
      request.discard_next_to_last = true;
      kind = kind.substr(21, kind.size() - 22);
    }
    if (kind.ends_with("_a1111")) kind.resize(kind.size() - 6);
    std::vector<double> got;
    const std::vector<double> want = row.at("sigmas");
    Plan plan;
    if (const auto named = sigma_kind_from(kind); named || !cls.empty()) {
      request.sigmas = named.value_or(SigmaKind::grid);
      plan = make_plan(schedule, multistep_classes.contains(cls) ? GridFamily::multistep : GridFamily::sigma, request);
      got = plan.sigmas();
    } else {
      got = other_sigmas(kind, request.steps, schedule);
      got.push_back(0);
    }
    const double tolerance = kind == "vp" ? 3e-4 : 2e-5;
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], tolerance * want[i]) << i;
    if (row.contains("timesteps")) {
      const std::vector<double> times = row["timesteps"];
      for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(plan.steps[i].from.time, times[i], 5e-3) << "time " << i;
      EXPECT_NEAR(plan.noise_scale, row.at("init_noise_sigma").get<double>(), 2e-5 * plan.noise_scale);
    }
  }
  EXPECT_GE(rows, 50);
}

TEST(ScheduleReference, BetweenTimesAndSigmas) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const json& row = golden().json().at("sigma_time");
  for (size_t i = 0; i < row.at("sigma").size(); ++i)
    EXPECT_NEAR(schedule.time_of(row["sigma"][i]), row["t"][i].get<double>(), 5e-3);
  for (size_t i = 0; i < row.at("back_t").size(); ++i) {
    const double time = row["back_t"][i], sigma = row["back_sigma"][i], linear = row["back_sigma_linear"][i];
    EXPECT_NEAR(schedule.sigma_log_linear(time), sigma, 2e-5 * sigma);
    EXPECT_NEAR(schedule.sigma_linear(time), linear, 2e-5 * linear);
  }
}

TEST(ScheduleReference, Conversions) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  const Tensor clean = tensor_named("convert.x0"), noise = tensor_named("convert.noise"),
               output = tensor_named("convert.out");
  for (const json& row : golden().json().at("conversions")) {
    SCOPED_TRACE(row.at("t").dump());
    const Level level = schedule.at(row.at("t"));
    const std::vector<Level> levels{level};
    const Tensor x = add_noise(clean, noise, levels);
    expect_close(x, row.at("x_t"), 2e-5);
    expect_close(target(Prediction::v_prediction, clean, noise, levels), row.at("v"), 2e-5);
    expect_close(clean_from(Prediction::epsilon, x, output, level), row.at("x0_from_eps"), 2e-5);
    const Tensor from_v = clean_from(Prediction::v_prediction, x, output, level);
    expect_close(from_v, row.at("x0_from_v"), 2e-5);
    expect_close(noise_from(x, from_v, level), row.at("eps_from_v"), 2e-5);
    expect_close(noise_from(x, output, level), row.at("eps_from_x0"), 2e-5);
  }
}

TEST(ScheduleReference, AddedNoise) {
  const Tensor clean = tensor_named("convert.x0"), noise = tensor_named("convert.noise");
  for (const json& row : golden().json().at("add_noise")) {
    SCOPED_TRACE(row.dump());
    Level level;
    if (row.at("family") == "euler") {
      PlanRequest request{.steps = row.at("steps"), .spacing = *spacing_from(row.at("spacing").get<std::string>())};
      level = make_plan(NoiseSchedule::stable_diffusion(), GridFamily::sigma, request).steps[row.at("index")].from;
    } else {
      level = NoiseSchedule(betas_named("x4")).at(row.at("level"));
    }
    expect_close(add_noise(clean, noise, std::vector{level}), row.at("x_t"), 2e-5);
  }
}

TEST(ScheduleReference, Guidance) {
  const Tensor without = tensor_named("guidance.uncond"), with = tensor_named("guidance.cond");
  for (const json& row : golden().json().at("guidance"))
    expect_close(guided(without, with, row.at("scale"), row.at("rescale")), row.at("out"), 1e-5);
}

TEST(ScheduleReference, LossWeights) {
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
  for (const auto& [gamma, names] : golden().json().at("loss_weights").at("gamma").items()) {
    for (const Prediction prediction : {Prediction::epsilon, Prediction::v_prediction}) {
      const std::vector<float> want = golden().values<float>(names.at(name_of(prediction)).get<std::string>());
      for (int t = 0; t < schedule.size(); ++t) {
        const double sigma = schedule.sigmas()[t];
        ASSERT_NEAR(min_snr_weight(prediction, 1 / (sigma * sigma), std::stod(gamma)), want[t], 5e-5 * want[t]) << t;
      }
    }
  }
}

}  // namespace
}  // namespace calotype

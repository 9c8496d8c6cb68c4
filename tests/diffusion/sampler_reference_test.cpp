#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "diffusion/noise.h"
#include "diffusion/samplers.h"
#include "ops/structure.h"
#include "support/golden_file.h"

namespace calotype {
namespace {

using nlohmann::json;
using testing::GoldenFile;

const GoldenFile& golden() {
  static const GoldenFile file("samplers/samplers");
  return file;
}

/// The network that the reference ran: elementwise, nonlinear, and no good at denoising.
Tensor toy_network(const Tensor& x, double time) {
  Tensor y = Tensor::empty(x.shape());
  std::ranges::transform(x.view<float>(), y.edit<float>().begin(), [&](float value) {
    return static_cast<float>((0.2 + 0.8 * time / 999) * value + 0.1 * std::sin(2.0 * value + time / 50));
  });
  return y;
}

Recipe recipe_of(const json& row) {
  const std::string reference = row.at("reference");
  if (reference == "diffusers") return Recipe::diffusers;
  return reference == "LDM rule" ? Recipe::ldm : Recipe::web_ui;
}

PlanRequest request_of(const json& row, const Sampler& sampler) {
  const json& options = row.at("options");
  PlanRequest request = default_request(sampler, recipe_of(row), row.at("steps"));
  request.steps_offset = options.value("steps_offset", 0);
  request.end_without_noise = options.value("set_alpha_to_one", false);
  request.end_at_lowest_sigma = options.value("final_sigmas_type", "zero") == "sigma_min";
  if (options.contains("timestep_spacing"))
    request.spacing = *spacing_from(options["timestep_spacing"].get<std::string>());
  if (options.value("use_karras_sigmas", false)) request.sigmas = SigmaKind::karras;
  if (options.value("use_exponential_sigmas", false)) request.sigmas = SigmaKind::exponential;
  if (options.value("use_beta_sigmas", false)) request.sigmas = SigmaKind::beta;
  if (options.value("use_lu_lambdas", false)) request.sigmas = SigmaKind::lu;
  if (row.contains("schedule")) request.sigmas = *sigma_kind_from(row["schedule"].get<std::string>());
  if (row.contains("strength")) request.strength = row["strength"].get<double>();
  return request;
}

SamplerOptions options_of(const json& row, const Sampler& sampler) {
  const json& options = row.at("options");
  const Recipe recipe = recipe_of(row);
  SamplerOptions result = sampler.options(recipe);
  result.eta = options.value("eta", result.eta);
  result.noise_scale = options.value("s_noise", 1.0);
  result.churn = options.value("s_churn", 0.0);
  result.churn_from = options.value("s_tmin", 0.0);
  result.churn_to = options.value("s_tmax", HUGE_VAL);
  if (recipe == Recipe::diffusers) result.late_churn = prediction_from(row.at("prediction").get<std::string>());
  result.clip = options.value("clip_sample", false) ? 1 : 0;
  result.clip_noise = options.value("use_clipped_model_output", false);
  result.solver = options.value("solver_type", "midpoint") == "heun" ? Solver::heun : Solver::midpoint;
  result.first_order_final = options.value("euler_at_final", false);
  return result;
}

void expect_close(const Tensor& got, std::span<const float> want, double tolerance, const std::string& what) {
  const Tensor planes = channels_first(got);
  const std::span<const float> values = planes.view<float>();
  ASSERT_EQ(values.size(), want.size()) << what;
  double scale = 1, worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    scale = std::max<double>(scale, std::abs(want[i]));
    worst = std::max<double>(worst, std::abs(double{values[i]} - want[i]));
  }
  EXPECT_LE(worst, tolerance * scale) << what;
}

void expect_row(const std::string& name, const std::vector<Tensor>& got, double tolerance) {
  if (!golden().has(name)) return;
  const std::vector<float> want = golden().values<float>(name);
  const size_t each = want.size() / golden().shape(name)[0];
  ASSERT_EQ(got.size() * each, want.size()) << name;
  for (size_t i = 0; i < got.size(); ++i)
    expect_close(got[i], std::span(want).subspan(i * each, each), tolerance, name + " " + std::to_string(i));
}

void expect_case(const json& row, const Sampler& sampler) {
  const NoiseSchedule schedule =
      NoiseSchedule::stable_diffusion(row.at("options").value("rescale_betas_zero_snr", false));
  const PlanRequest request = request_of(row, sampler);
  const Prediction prediction = *prediction_from(row.at("prediction").get<std::string>());
  const Plan plan = make_plan(schedule, sampler.family, request);

  const std::vector<int64_t> shape = golden().json().at("shape");
  Noise noise = Noise::whole_batch(golden().json().at("seed"));
  int draws = 0;
  const auto draw = [&] {
    ++draws;
    return noise.draw({shape[0], shape[2], shape[3], shape[1]});
  };
  const Tensor first = draw();
  Tensor x = first_state(plan, first);
  if (request.strength) {
    Tensor clean = draw();
    for (float& value : clean.edit<float>()) value *= 0.7f;
    x = first_state(plan, first, clean);
  }

  std::vector<double> times;
  std::vector<Tensor> inputs, states;
  const Network network = [&](const Tensor& input, double time) {
    times.push_back(time);
    inputs.push_back(input);
    return toy_network(input, time);
  };
  const Sampling run{.plan = plan,
                     .denoise = denoiser(network, prediction),
                     .draw = draw,
                     .options = options_of(row, sampler),
                     .on_step = [&](const Progress& progress) { states.push_back(progress.x); },
                     .after_step = {}};
  x = sampler.run(run, x);
  states.push_back(x);

  const std::string id = row.at("id");
  const double tolerance = row.at("tolerance");
  EXPECT_EQ(times.size(), row.at("calls").get<size_t>());
  EXPECT_EQ(draws, row.at("draws").get<int>());
  if (row.contains("times")) {
    const std::vector<double> want = row["times"];
    ASSERT_EQ(times.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(times[i], want[i], 5e-3) << "time " << i;
  }
  if (row.contains("sigmas")) {
    const std::vector<double> want = row["sigmas"], got = plan.sigmas();
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 2e-5 * want[i]) << "sigma " << i;
  }
  if (row.contains("init_noise_sigma")) {
    EXPECT_NEAR(plan.noise_scale, row["init_noise_sigma"].get<double>(), 2e-5 * plan.noise_scale);
  }
  expect_close(x, golden().values<float>(id + ".final"), tolerance, id);
  expect_row(id + ".states", states, tolerance);
  expect_row(id + ".inputs", inputs, tolerance);
}

TEST(SamplerReference, EveryCase) {
  int cases = 0;
  for (const json& row : golden().json().at("cases")) {
    const auto rows = samplers();
    const auto sampler = std::ranges::find_if(rows, [&](const Sampler& s) { return row.at("sampler") == s.id; });
    if (sampler == rows.end()) continue;  // of a sampler that is not written yet
    SCOPED_TRACE(row.at("id").get<std::string>());
    expect_case(row, *sampler);
    ++cases;
  }
  EXPECT_GE(cases, 100);
  RecordProperty("cases", cases);
}

}  // namespace
}  // namespace calotype

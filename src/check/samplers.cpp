#include "diffusion/samplers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <optional>
#include <set>

#include "base/error.h"
#include "check/distance.h"
#include "check/kinds.h"
#include "check/listed_grid.h"
#include "check/reference.h"
#include "check/sampler_cases.h"
#include "diffusion/brownian.h"
#include "diffusion/noise.h"

namespace calotype::checker {
namespace {

/// The network that the reference ran: elementwise, nonlinear, and no good at denoising.
Tensor toy_network(const Tensor& x, double time) {
  Tensor y = Tensor::empty(x.shape());
  std::ranges::transform(x.view<float>(), y.edit<float>().begin(), [&](float value) {
    return static_cast<float>((0.2 + 0.8 * time / 999) * value + 0.1 * std::sin(2.0 * value + time / 50));
  });
  return y;
}

/// The successive draws of the reference's generator; made by ours where the file has too few.
class Draws {
 public:
  Draws(const json& index, const ReferenceTensors& tensors)
      : shape_(index.at("shape").get<std::vector<int64_t>>()),
        noise_(Noise::whole_batch(index.at("seed").get<uint64_t>())) {
    require(shape_.rank() == 4, ErrorKind::bad_file, "samplers.json: the shape {} is no [B,C,H,W]", shape_.text());
    if (!tensors.has("draws")) return;
    const std::vector<double> values = tensors.values("draws");
    stored_.assign(values.begin(), values.end());
  }

  const Shape& shape() const { return shape_; }

  /// Draw `number`; a case asks for them from 0 on.
  Tensor at(size_t number) {
    const size_t each = static_cast<size_t>(shape_.count());
    if ((number + 1) * each <= stored_.size())
      return maps_from_reference(Tensor::from<float>(std::span(stored_).subspan(number * each, each), shape_));
    while (made_.size() <= number) made_.push_back(noise_.draw({shape_[0], shape_[2], shape_[3], shape_[1]}));
    return made_[number];
  }

 private:
  Shape shape_;
  std::vector<float> stored_;
  Noise noise_;
  std::vector<Tensor> made_;
};

Recipe recipe_of(const json& row) {
  const std::string reference = row.at("reference");
  if (reference == "diffusers") return Recipe::diffusers;
  return reference == "LDM rule" ? Recipe::ldm : Recipe::web_ui;
}

/// diffusers gives several samplers one class.
const Sampler& sampler_of(const json& row) {
  std::string id = row.at("sampler");
  if (word(row, "cls") == "DPMSolverMultistepScheduler") {
    const std::string algorithm = word(row.at("options"), "algorithm_type", "dpmsolver++");
    if (algorithm == "sde-dpmsolver++") id = "dpmpp_2m_sde";
    if (algorithm == "dpmsolver" || algorithm == "sde-dpmsolver") id = "dpm_2m";
  }
  try {
    return *sampler_named(id).sampler;
  } catch (const Error&) {
    throw Skipped{"the sampler " + id + " is not built"};
  }
}

/// The reference's options that have a meaning here, or none.
const std::set<std::string> kOptions = {"beta_start",
                                        "beta_end",
                                        "beta_schedule",
                                        "prediction_type",
                                        "steps_offset",
                                        "set_alpha_to_one",
                                        "final_sigmas_type",
                                        "timestep_spacing",
                                        "use_karras_sigmas",
                                        "use_exponential_sigmas",
                                        "use_beta_sigmas",
                                        "use_lu_lambdas",
                                        "eta",
                                        "s_noise",
                                        "s_churn",
                                        "s_tmin",
                                        "s_tmax",
                                        "clip_sample",
                                        "clip_sample_range",
                                        "use_clipped_model_output",
                                        "solver_type",
                                        "solver_order",
                                        "algorithm_type",
                                        "euler_at_final",
                                        "lower_order_final",
                                        "rescale_betas_zero_snr",
                                        "skip_prk_steps",
                                        "variance_type",
                                        "noise_sampler_seed",
                                        "original_inference_steps",
                                        "order",
                                        "rtol",
                                        "atol",
                                        "interpolation_type",
                                        "timestep_type"};

void require_known_options(const json& options, const std::string& cls) {
  for (const auto& [name, value] : options.items())
    if (!kOptions.contains(name)) throw Skipped{"the option " + name + " is not built"};
  if (cls == "DPMSolverSinglestepScheduler" && word(options, "algorithm_type", "dpmsolver++") != "dpmsolver++")
    throw Skipped{"single steps with the guessed noise are not built"};
  if (const std::string variance = word(options, "variance_type", "fixed_small");
      variance != "fixed_small" && variance != "fixed_large")
    throw Skipped{"the variance " + variance + " is not built"};
}

template <class T>
T named(const std::optional<T>& value, const std::string& name) {
  if (!value) throw Skipped{name + " is not built"};
  return *value;
}

NoiseSchedule schedule_of(const json& options) {
  const std::string name = word(options, "beta_schedule", "scaled_linear");
  const double start = options.value("beta_start", 0.00085), end = options.value("beta_end", 0.012);
  std::optional<BetaKind> kind;
  if (name == "scaled_linear") kind = BetaKind::scaled_linear;
  if (name == "linear") kind = BetaKind::linear;
  if (name == "squaredcos_cap_v2") kind = BetaKind::squared_cosine;
  const std::vector<double> raw = betas(named(kind, "the schedule " + name), start, end);
  return NoiseSchedule(options.value("rescale_betas_zero_snr", false) ? zero_terminal_snr(raw) : raw);
}

PlanRequest request_of(const json& row, const Sampler& sampler) {
  const json& options = row.at("options");
  const std::string cls = word(row, "cls");
  PlanRequest request = default_request(sampler, recipe_of(row), std::max(row.at("steps").get<int>(), 1));
  request.discard_next_to_last = false;
  request.steps_offset = options.value("steps_offset", 0);
  if (sampler.family == GridFamily::ddim || sampler.family == GridFamily::pndm)
    request.end_without_noise = options.value("set_alpha_to_one", cls == "DDIMScheduler");
  request.end_at_lowest_sigma = word(options, "final_sigmas_type", "zero") == "sigma_min";
  request.distilled_steps = options.value("original_inference_steps", 50);
  request.log_linear = word(options, "interpolation_type", "linear") == "log_linear";
  request.continuous_times =
      word(options, "timestep_type", "discrete") == "continuous" && row.at("prediction") == "v_prediction";
  if (const std::string spacing = word(options, "timestep_spacing"); !spacing.empty())
    request.spacing = named(spacing_from(spacing), "the spacing " + spacing);
  if (options.value("use_karras_sigmas", false)) request.sigmas = SigmaKind::karras;
  if (options.value("use_exponential_sigmas", false)) request.sigmas = SigmaKind::exponential;
  if (options.value("use_beta_sigmas", false)) request.sigmas = SigmaKind::beta;
  if (options.value("use_lu_lambdas", false)) request.sigmas = SigmaKind::lu;
  if (std::string schedule = word(row, "schedule"); !schedule.empty() && schedule != "none") {
    if (schedule.ends_with("_discard")) {
      schedule.resize(schedule.size() - 8);
      request.discard_next_to_last = true;
    }
    request.sigmas = named(sigma_kind_from(schedule), "the schedule " + schedule);
  }
  request.strength = optional_number(row, "strength");
  return request;
}

SamplerOptions options_of(const json& row, const Sampler& sampler) {
  const json& options = row.at("options");
  const std::string cls = word(row, "cls");
  SamplerOptions result = sampler.options(recipe_of(row));
  result.eta = options.value("eta", result.eta);
  if (word(options, "algorithm_type") == "sde-dpmsolver") result.eta = 1;
  result.noise_scale = options.value("s_noise", 1.0);
  result.churn = options.value("s_churn", 0.0);
  result.churn_from = options.value("s_tmin", 0.0);
  result.churn_to = optional_number(options, "s_tmax").value_or(HUGE_VAL);
  if (options.value("clip_sample", cls == "DDIMScheduler" || cls == "DDPMScheduler"))
    result.clip = optional_number(options, "clip_sample_range").value_or(1);
  result.clip_noise = options.value("use_clipped_model_output", false);
  if (const std::string solver = word(options, "solver_type"); !solver.empty()) {
    result.solver = solver == "heun" ? Solver::heun : Solver::midpoint;
    result.bh1 = solver == "bh1";
  }
  result.order = options.value("solver_order", options.value("order", result.order));
  result.first_order_final = options.value("euler_at_final", false);
  result.lower_order_final = options.value("lower_order_final", result.lower_order_final);
  result.large_variance = word(options, "variance_type") == "fixed_large";
  result.sde_third_order_defect = cls == "DPMSolverMultistepScheduler";
  result.relative_tolerance = options.value("rtol", result.relative_tolerance);
  result.absolute_tolerance = options.value("atol", result.absolute_tolerance);
  return result;
}

/// States one after another along a first axis, each by its own greatest value.
void compare_each(const std::string& what, const std::vector<Tensor>& got, const ReferenceTensors& tensors,
                  double tolerance, Findings& findings) {
  const std::vector<double> want = tensors.values(what);
  const auto count = static_cast<size_t>(tensors.shape(what).dim(0));
  findings.exact("number of " + what, got.size() == count ? 0 : 1);
  if (got.size() != count) return;
  for (size_t i = 0; i < count; ++i)
    findings.measure(what + "[" + std::to_string(i) + "]",
                     greatest_beside_one(reference_values(got[i]),
                                         std::span(want).subspan(i * (want.size() / count), want.size() / count)),
                     tolerance);
}

/// Whole times are exact; those with fractions are within 5e-3, and where the reference's own rounding goes beyond.
void compare_times(const std::vector<double>& got, const std::vector<double>& want, const Sampler& sampler,
                   const Plan& plan, Findings& findings) {
  findings.exact("number of times", got.size() == want.size() ? 0 : 1);
  const bool ancestral_middles = sampler.run == dpm_2_ancestral || sampler.run == dpmpp_2s_ancestral;
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const bool whole = want[i] == std::floor(want[i]) && got[i] == std::floor(got[i]);
    const size_t step = plan.first + i / 2;
    const bool middle = ancestral_middles && i % 2 == 1 && step < plan.steps.size();
    const double off = middle ? middle_time_error(plan.steps[step], plan) : 0;
    findings.measure("time " + std::to_string(i), std::abs(got[i] - want[i]), whole && !middle ? 0 : 5e-3 + off);
  }
}

/// The noise of a Brownian sampler as the reference's tree returned it, and a check of what is asked and of our tree.
class BrownianCheck {
 public:
  BrownianCheck(const json& row, const ReferenceTensors& tensors, const Shape& shape, Findings& findings)
      : findings_(findings), shape_(shape) {
    values_ = tensors.values(row.at("noise"));
    queries_ = row.at("brownian_queries").get<std::vector<std::array<double, 2>>>();
    const json& seed = row.at("brownian_seed");
    const auto range = row.at("brownian_range").get<std::array<double, 2>>();
    if (seed.is_array())
      ours_.emplace(seed.get<std::vector<uint64_t>>(), range[0], range[1]);
    else
      ours_.emplace(seed.get<uint64_t>(), range[0], range[1]);
  }

  Tensor next(double sigma, double below) {
    const size_t each = static_cast<size_t>(shape_.count());
    require(asked_ < queries_.size() && (asked_ + 1) * each <= values_.size(), ErrorKind::bad_input,
            "the noise is asked for {} times, {} are stored", asked_ + 1, queries_.size());
    const auto& [from, to] = queries_[asked_];
    findings_.measure("query " + std::to_string(asked_), std::max(relative(sigma, from), relative(below, to)), 2e-5);
    const std::span<const double> want = std::span(values_).subspan(asked_ * each, each);
    const Tensor tree = ours_->between(from, to, {shape_[0], shape_[2], shape_[3], shape_[1]});
    findings_.measure("tree " + std::to_string(asked_), greatest_beside_one(reference_values(tree), want), 1e-5);
    const std::vector<float> narrow(want.begin(), want.end());
    ++asked_;
    return maps_from_reference(Tensor::from<float>(narrow, shape_));
  }

  void finish() { findings_.exact("queries", asked_ == queries_.size() ? 0 : 1); }

 private:
  Findings& findings_;
  Shape shape_;
  std::vector<double> values_;
  std::vector<std::array<double, 2>> queries_;
  std::optional<BrownianNoise> ours_;
  size_t asked_ = 0;
};

/// What stands in the file about the grid.
void compare_grid(const json& row, const Sampler& sampler, const Plan& plan, const PlanRequest& request,
                  Findings& findings) {
  if (row.contains("sigmas"))
    findings.measure("sigmas",
                     greatest_relative(listed_sigmas(word(row, "cls"), plan), row["sigmas"].get<std::vector<double>>()),
                     2e-5);
  if (const auto scale = optional_number(row, "init_noise_sigma"))
    findings.measure("scale of the first noise", relative(plan.noise_scale, *scale), 2e-5);
  if (row.contains("grid") && !request.strength && sampler.family != GridFamily::continuous) {
    std::vector<double> times =
        request.recipe == Recipe::ldm ? ldm_timesteps(request.steps) : web_ui_timesteps(request.steps);
    std::ranges::reverse(times);
    findings.equal("grid", times, row["grid"].get<std::vector<double>>());
  }
  if (row.contains("pairs")) {
    const auto pairs = row["pairs"].get<std::vector<std::array<double, 2>>>();
    findings.exact("number of pairs", pairs.size() == plan.steps.size() ? 0 : 1);
    for (size_t i = 0; i < std::min(pairs.size(), plan.steps.size()); ++i)
      findings.measure(
          "pair " + std::to_string(i),
          std::max(relative(plan.steps[i].from.noise, pairs[i][0]), relative(plan.steps[i].to.noise, pairs[i][1])),
          2e-5);
  }
}

void check_case(const json& row, const ReferenceTensors& tensors, Draws& draws, Findings& findings) {
  const Sampler& sampler = sampler_of(row);
  require_known_options(row.at("options"), word(row, "cls"));
  const PlanRequest request = request_of(row, sampler);
  const std::string predicted = row.at("prediction");
  const Prediction prediction = named(prediction_from(predicted), "the prediction " + predicted);
  const Plan plan = make_plan(schedule_of(row["options"]), sampler.family, request);

  size_t drawn = 0;
  const auto draw = [&] { return draws.at(drawn++); };
  const Tensor first = draw();
  Tensor x = first_state(plan, first);
  if (request.strength) {
    Tensor clean = draw().clone();
    for (float& value : clean.edit<float>()) value *= 0.7f;
    x = first_state(plan, first, clean);
  }

  std::vector<double> times;
  std::vector<Tensor> inputs, states;
  const Denoiser inner = denoiser(
      [&](const Tensor& input, double time) {
        times.push_back(time);
        inputs.push_back(input);
        return toy_network(input, time);
      },
      prediction);
  const bool every_call = request.recipe == Recipe::diffusers;
  Sampling run{.plan = plan,
               .denoise =
                   [&](const Tensor& state, const Level& at) {
                     if (every_call) states.push_back(state);
                     return inner(state, at);
                   },
               .draw = draw,
               .options = options_of(row, sampler),
               .on_step =
                   [&](const Progress& progress) {
                     if (!every_call) states.push_back(progress.x);
                   },
               .after_step = {},
               .prediction = prediction};
  std::optional<BrownianCheck> path;
  if (row.contains("noise")) {
    path.emplace(row, tensors, draws.shape(), findings);
    run.between = [&](double sigma, double next) { return path->next(sigma, next); };
  }
  x = sampler.run(run, x);
  states.push_back(x);
  if (path) path->finish();

  const double tolerance = optional_number(row, "tolerance").value_or(2e-5);
  if (row.contains("calls")) findings.equal("calls", std::vector{times.size()}, {row["calls"].get<size_t>()});
  if (row.contains("draws")) findings.equal("draws", std::vector{drawn}, {row["draws"].get<size_t>()});
  if (row.contains("times")) compare_times(times, row["times"], sampler, plan, findings);
  compare_grid(row, sampler, plan, request, findings);
  const std::string id = row.at("id");
  findings.measure("final", greatest_beside_one(reference_values(x), tensors.values(word(row, "final", id + ".final"))),
                   tolerance);
  if (const std::string name = word(row, "states", id + ".states"); row.contains("states") || tensors.has(name))
    compare_each(name, states, tensors, tolerance, findings);
  if (const std::string name = word(row, "inputs", id + ".inputs"); row.contains("inputs") || tensors.has(name))
    compare_each(name, inputs, tensors, tolerance, findings);
}

void check_runs(const std::filesystem::path& folder, Report& report) {
  const json index = read_json(folder / "samplers.json");
  require(index.is_object() && index.contains("cases"), ErrorKind::bad_file, "{}/samplers.json: there are no cases",
          folder.string());
  const ReferenceTensors tensors(folder / "samplers.safetensors");
  Draws draws(index, tensors);
  for (const json& row : index["cases"])
    report.run(word(row, "id"), [&](Findings& findings) { check_case(row, tensors, draws, findings); }, "samplers");
}

}  // namespace

void check_samplers(const Request& request, Report& report) {
  const std::pair<const char*, std::function<void()>> files[] = {
      {"samplers.json", [&] { check_runs(request.folder, report); }},
      {"schedules.json", [&] { check_schedules(request, report); }},
      {"random.json", [&] { check_random(request, report); }},
  };
  bool any = false;
  for (const auto& [name, check] : files) {
    if (!std::filesystem::exists(request.folder / name)) continue;
    any = true;
    check();
  }
  require(any, ErrorKind::bad_file, "{}: none of samplers.json, schedules.json and random.json is here",
          request.folder.string());
}

}  // namespace calotype::checker

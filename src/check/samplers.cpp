#include "diffusion/samplers.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "base/error.h"
#include "check/distance.h"
#include "check/kinds.h"
#include "check/reference.h"
#include "check/sampler_cases.h"
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

const Sampler& sampler_of(const json& row) {
  const std::string id = row.at("sampler");
  for (const Sampler& sampler : samplers())
    if (id == sampler.id) return sampler;
  throw Skipped{"the sampler " + id + " is not built yet"};
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
                                        "euler_at_final",
                                        "lower_order_final",
                                        "rescale_betas_zero_snr"};

void require_known_options(const json& options) {
  for (const auto& [name, value] : options.items())
    if (!kOptions.contains(name)) throw Skipped{"the option " + name + " is not built yet"};
}

template <class T>
T named(const std::optional<T>& value, const std::string& name) {
  if (!value) throw Skipped{name + " is not built yet"};
  return *value;
}

PlanRequest request_of(const json& row, const Sampler& sampler) {
  const json& options = row.at("options");
  PlanRequest request = default_request(sampler, recipe_of(row), row.at("steps"));
  request.steps_offset = options.value("steps_offset", 0);
  request.end_without_noise = options.value("set_alpha_to_one", false);
  request.end_at_lowest_sigma = options.value("final_sigmas_type", "zero") == "sigma_min";
  if (const std::string spacing = word(options, "timestep_spacing"); !spacing.empty())
    request.spacing = named(spacing_from(spacing), "the spacing " + spacing);
  if (options.value("use_karras_sigmas", false)) request.sigmas = SigmaKind::karras;
  if (options.value("use_exponential_sigmas", false)) request.sigmas = SigmaKind::exponential;
  if (options.value("use_beta_sigmas", false)) request.sigmas = SigmaKind::beta;
  if (options.value("use_lu_lambdas", false)) request.sigmas = SigmaKind::lu;
  if (std::string schedule = word(row, "schedule"); !schedule.empty()) {
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
  const Recipe recipe = recipe_of(row);
  SamplerOptions result = sampler.options(recipe);
  result.eta = options.value("eta", result.eta);
  result.noise_scale = options.value("s_noise", 1.0);
  result.churn = options.value("s_churn", 0.0);
  result.churn_from = options.value("s_tmin", 0.0);
  result.churn_to = optional_number(options, "s_tmax").value_or(HUGE_VAL);
  if (recipe == Recipe::diffusers) result.late_churn = prediction_from(row.at("prediction").get<std::string>());
  result.clip = options.value("clip_sample", false) ? optional_number(options, "clip_sample_range").value_or(1) : 0;
  result.clip_noise = options.value("use_clipped_model_output", false);
  result.solver = options.value("solver_type", "midpoint") == "heun" ? Solver::heun : Solver::midpoint;
  result.first_order_final = options.value("euler_at_final", false);
  result.lower_order_final = options.value("lower_order_final", result.lower_order_final);
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

/// Whole times are exact; those with fractions are within 5e-3.
void compare_times(const std::vector<double>& got, const std::vector<double>& want, Findings& findings) {
  findings.exact("number of times", got.size() == want.size() ? 0 : 1);
  for (size_t i = 0; i < got.size() && i < want.size(); ++i) {
    const bool whole = want[i] == std::floor(want[i]) && got[i] == std::floor(got[i]);
    const std::string what = "time " + std::to_string(i);
    if (whole)
      findings.exact(what, got[i] == want[i] ? 0 : 1);
    else
      findings.measure(what, std::abs(got[i] - want[i]), 5e-3);
  }
}

void check_case(const json& row, const ReferenceTensors& tensors, Draws& draws, Findings& findings) {
  const Sampler& sampler = sampler_of(row);
  require_known_options(row.at("options"));
  const NoiseSchedule schedule = NoiseSchedule::stable_diffusion(row["options"].value("rescale_betas_zero_snr", false));
  const PlanRequest request = request_of(row, sampler);
  const std::string predicted = row.at("prediction");
  const Prediction prediction = named(prediction_from(predicted), "the prediction " + predicted);
  const Plan plan = make_plan(schedule, sampler.family, request);

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

  const double tolerance = optional_number(row, "tolerance").value_or(2e-5);
  if (row.contains("calls")) findings.equal("calls", std::vector{times.size()}, {row["calls"].get<size_t>()});
  if (row.contains("draws")) findings.equal("draws", std::vector{drawn}, {row["draws"].get<size_t>()});
  if (row.contains("times")) compare_times(times, row["times"], findings);
  if (row.contains("sigmas"))
    findings.measure("sigmas", greatest_relative(plan.sigmas(), row["sigmas"].get<std::vector<double>>()), 2e-5);
  if (const auto scale = optional_number(row, "init_noise_sigma"))
    findings.measure("scale of the first noise", relative(plan.noise_scale, *scale), 2e-5);
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

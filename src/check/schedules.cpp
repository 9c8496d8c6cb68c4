#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/error.h"
#include "check/distance.h"
#include "check/listed_grid.h"
#include "check/reference.h"
#include "check/sampler_cases.h"
#include "diffusion/guidance.h"
#include "diffusion/plan.h"
#include "diffusion/prediction.h"
#include "diffusion/sigmas.h"

namespace calotype::checker {
namespace {

/// The rows of one kind, each with its place in names of cases.
class Rows {
 public:
  Rows(const json& index, const ReferenceTensors& tensors, Report& report)
      : index_(index), tensors_(tensors), report_(report) {}

  void run() {
    for (const auto& [kind, check] : kinds()) {
      const auto rows = index_.find(kind);
      if (rows == index_.end()) continue;
      if (rows->is_object()) {
        report_.run("schedules/" + kind, [&](Findings& findings) { check(*rows, findings); }, "schedules");
        continue;
      }
      for (const json& row : *rows)
        report_.run(
            "schedules/" + kind + "/" + name_of_row(row), [&](Findings& findings) { check(row, findings); },
            "schedules");
    }
  }

 private:
  using Check = std::function<void(const json&, Findings&)>;

  std::vector<std::pair<std::string, Check>> kinds() {
    const auto bound = [this](void (Rows::*check)(const json&, Findings&)) -> Check {
      return [this, check](const json& row, Findings& findings) { (this->*check)(row, findings); };
    };
    return {{"betas", bound(&Rows::betas_row)},         {"timesteps", bound(&Rows::timesteps)},
            {"sigmas", bound(&Rows::sigmas)},           {"sigma_time", bound(&Rows::between)},
            {"conversions", bound(&Rows::conversions)}, {"add_noise", bound(&Rows::added_noise)},
            {"guidance", bound(&Rows::guidance)},       {"loss_weights", bound(&Rows::loss_weights)}};
  }

  static std::string name_of_row(const json& row) {
    std::string name;
    for (const char* key :
         {"name", "family", "cls", "kind", "spacing", "steps", "t", "level", "index", "scale", "rescale"}) {
      if (!row.contains(key) || row[key].is_null()) continue;
      name += (name.empty() ? "" : ".") + (row[key].is_string() ? row[key].get<std::string>() : row[key].dump());
    }
    return name;
  }

  static std::vector<double> betas_named(const json& row) {
    const double start = optional_number(row, "beta_start").value_or(0.00085);
    const double end = optional_number(row, "beta_end").value_or(0.012);
    const std::string kind = word(row, "kind", "scaled_linear"), name = word(row, "name");
    if (name.ends_with("zero_snr")) return zero_terminal_snr(betas(BetaKind::scaled_linear, start, end));
    if (kind == "linear") return betas(BetaKind::linear, start, end);
    if (kind.find("cos") != std::string::npos) return betas(BetaKind::squared_cosine, 0, 0);
    return betas(BetaKind::scaled_linear, start, end);
  }

  void betas_row(const json& row, Findings& findings) {
    const std::vector<double> got = betas_named(row), shares = NoiseSchedule(got).alphas_cumprod();
    const bool rescaled = word(row, "name").ends_with("zero_snr");
    for (const std::string type : {"f64", "f32"}) {
      const auto tensor_of = [&](const std::string& kind) {
        return word(row, (kind + "_" + type).c_str(), kind + "." + word(row, "name") + "." + type);
      };
      if (const std::string tensor = tensor_of("betas"); tensors_.has(tensor))
        findings.measure(tensor, greatest_relative(got, tensors_.values(tensor)),
                         rescaled ? 3e-4 : beta_tolerance(row));
      const std::string tensor = tensor_of("alphas_cumprod");
      if (!tensors_.has(tensor)) continue;
      const std::vector<double> want = tensors_.values(tensor);
      if (!rescaled) {
        findings.measure(tensor, greatest_relative(shares, want), beta_tolerance(row));
        continue;
      }
      double worst = got.size() == want.size() ? 0 : HUGE_VAL;
      for (size_t t = 0; t < std::min(want.size(), shares.size()); ++t)
        worst = std::max(worst, std::abs(shares[t] - want[t]) / std::max(want[t], 1e-3));
      findings.measure(tensor, worst, 2e-6);
    }
    if (findings.count() == 0) throw Skipped{"the folder does not hold its tables"};
  }

  /// How far a table rounded from f64 may be from the one summed up in f32.
  static double beta_tolerance(const json& row) {
    return word(row, "kind").find("cos") != std::string::npos || word(row, "name") == "cosine" ? 1.4e-5 : 1e-6;
  }

  void timesteps(const json& row, Findings& findings) {
    const std::string family = row.at("family"), name = word(row, "spacing");
    const int steps = row.at("steps");
    const std::vector<double> want = row.at("timesteps");
    std::vector<double> got;
    const std::optional<Spacing> spacing = spacing_from(name);
    if (family == "lcm") {
      got = consistency_timesteps(steps, 50, optional_number(row, "strength").value_or(1));
    } else if (family == "ldm_ddim") {
      got = ldm_timesteps(steps);
    } else if (family == "a1111_ddim") {
      got = web_ui_timesteps(steps);
      got.pop_back();
    } else if (spacing && (family == "ddim" || family == "ddpm")) {
      got = ddim_timesteps(*spacing, steps);
    } else if (spacing && family == "euler") {
      got = sigma_timesteps(*spacing, steps);
    } else if (spacing && (family == "dpm_multistep" || family == "unipc")) {
      got = multistep_timesteps(*spacing, steps);
    } else {
      throw Skipped{"timesteps of " + family + " are not built"};
    }
    // They are f32 in the reference, and its shortest decimals stand in the file.
    findings.equal("timesteps", std::vector<float>(got.begin(), got.end()),
                   std::vector<float>(want.begin(), want.end()));
  }

  void sigmas(const json& row, Findings& findings) {
    static const std::map<std::string, GridFamily> kFamilies = {{"EulerDiscreteScheduler", GridFamily::sigma},
                                                                {"EulerAncestralDiscreteScheduler", GridFamily::sigma},
                                                                {"LMSDiscreteScheduler", GridFamily::sigma},
                                                                {"HeunDiscreteScheduler", GridFamily::sigma},
                                                                {"DPMSolverSDEScheduler", GridFamily::sigma},
                                                                {"KDPM2DiscreteScheduler", GridFamily::halves},
                                                                {"KDPM2AncestralDiscreteScheduler", GridFamily::halves},
                                                                {"DPMSolverMultistepScheduler", GridFamily::multistep},
                                                                {"DPMSolverSinglestepScheduler", GridFamily::multistep},
                                                                {"UniPCMultistepScheduler", GridFamily::multistep},
                                                                {"DEISMultistepScheduler", GridFamily::deis}};
    std::string kind = row.at("kind");
    const std::string cls = word(row, "cls");
    const auto found = kFamilies.find(cls);
    if (!cls.empty() && found == kFamilies.end()) throw Skipped{cls + " is not built"};
    const GridFamily family = cls.empty() ? GridFamily::sigma : found->second;

    PlanRequest request{.steps = row.at("steps"), .recipe = cls.empty() ? Recipe::web_ui : Recipe::diffusers};
    if (const auto spacing = spacing_from(word(row, "spacing"))) request.spacing = *spacing;
    request.end_at_lowest_sigma = kind == "sigma_min_end";
    request.continuous_times = kind == "continuous_v";
    request.log_linear = kind == "log_linear";
    const NoiseSchedule schedule = NoiseSchedule::stable_diffusion(kind == "zero_snr");
    if (kind.starts_with("discard_next_to_last(")) {
      request.discard_next_to_last = true;
      kind = kind.substr(21, kind.size() - 22);
    }
    if (kind.ends_with("_a1111")) kind.resize(kind.size() - 6);

    const std::vector<double> want = row.at("sigmas");
    std::vector<double> got;
    if (const auto named = sigma_kind_from(kind); named || !cls.empty()) {
      request.sigmas = named.value_or(SigmaKind::grid);
      const Plan plan = make_plan(schedule, family, request);
      got = listed_sigmas(cls, plan);
      if (request.log_linear) got.push_back(0);  // listed, but no step leads there
      compare_plan(plan, row, findings);
    } else {
      got = other_sigmas(kind, request.steps, schedule);
      got.push_back(0);
    }
    findings.measure("sigmas", greatest_relative(got, want), kind == "vp" ? 3e-4 : 2e-5);
  }

  static void compare_plan(const Plan& plan, const json& row, Findings& findings) {
    if (row.contains("timesteps")) {
      const std::vector<double> want = row["timesteps"], times = listed_times(word(row, "cls"), plan);
      findings.exact("number of timesteps", times.size() == want.size() ? 0 : 1);
      for (size_t i = 0; i < std::min(times.size(), want.size()); ++i) {
        const bool middle = word(row, "cls") == "KDPM2AncestralDiscreteScheduler" && i % 2 == 1;
        findings.measure("timestep " + std::to_string(i), std::abs(times[i] - want[i]),
                         5e-3 + (middle ? middle_time_error(plan.steps[i / 2], plan) : 0));
      }
    }
    if (const auto scale = optional_number(row, "init_noise_sigma"))
      findings.measure("scale of the first noise", relative(plan.noise_scale, *scale), 2e-5);
  }

  /// Kinds that no sampler's plan has; their parameters stand in the name.
  static std::vector<double> other_sigmas(const std::string& kind, int steps, const NoiseSchedule& schedule) {
    const double low = schedule.lowest_sigma(), high = schedule.highest_sigma();
    constexpr std::string_view kPolyexponential = "polyexponential_rho";
    if (kind.starts_with(kPolyexponential))
      return polyexponential_sigmas(steps, low, high, std::stod(kind.substr(kPolyexponential.size())));
    if (double from = 0, to = 0, rho = 0; std::sscanf(kind.c_str(), "karras_%lf_%lf_rho%lf", &from, &to, &rho) == 3)
      return karras_sigmas(steps, from, to, rho);
    if (kind == "vp") return vp_sigmas(steps);
    throw Skipped{"sigmas of the kind " + kind + " are not built"};
  }

  void between(const json& row, Findings& findings) {
    const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
    const std::vector<double> sigma = row.at("sigma"), times = row.at("t");
    for (size_t i = 0; i < std::min(sigma.size(), times.size()); ++i)
      findings.measure("time of a sigma", std::abs(schedule.time_of(sigma[i]) - times[i]), 5e-3);
    const std::vector<double> back = row.at("back_t");
    std::vector<double> logarithmic, linear;
    for (const double time : back) {
      logarithmic.push_back(schedule.sigma_log_linear(time));
      linear.push_back(schedule.sigma_linear(time));
    }
    findings.measure("sigma of a time", greatest_relative(logarithmic, row.at("back_sigma").get<std::vector<double>>()),
                     2e-5);
    findings.measure("sigma of a time, linear",
                     greatest_relative(linear, row.at("back_sigma_linear").get<std::vector<double>>()), 2e-5);
  }

  Tensor tensor(const std::string& name) const { return tensors_.tensor(name); }
  void compare(const Tensor& got, const std::string& name, double tolerance, Findings& findings) const {
    const std::span<const float> values = got.view<float>();
    findings.measure(
        name, greatest_beside_one(std::vector<double>(values.begin(), values.end()), tensors_.values(name)), tolerance);
  }

  // Elementwise, so the reference's layout will do.
  void conversions(const json& row, Findings& findings) {
    const Level level = NoiseSchedule::stable_diffusion().at(row.at("t"));
    const std::vector<Level> levels{level};
    const Tensor clean = tensor("convert.x0"), noise = tensor("convert.noise"), output = tensor("convert.out");
    const Tensor x = add_noise(clean, noise, levels);
    const Tensor from_v = clean_from(Prediction::v_prediction, x, output, level);
    const std::pair<const char*, Tensor> results[] = {
        {"x_t", x},
        {"v", target(Prediction::v_prediction, clean, noise, levels)},
        {"x0_from_eps", clean_from(Prediction::epsilon, x, output, level)},
        {"x0_from_v", from_v},
        {"eps_from_v", noise_from(x, from_v, level)},
        {"eps_from_x0", noise_from(x, output, level)}};
    for (const auto& [key, got] : results)
      if (row.contains(key)) compare(got, row[key], 2e-5, findings);
  }

  void added_noise(const json& row, Findings& findings) {
    Level level;
    if (row.at("family") == "euler") {
      PlanRequest request{.steps = row.at("steps")};
      if (const auto spacing = spacing_from(word(row, "spacing"))) request.spacing = *spacing;
      level = make_plan(NoiseSchedule::stable_diffusion(), GridFamily::sigma, request)
                  .steps.at(row.at("index").get<size_t>())
                  .from;
    } else if (row["family"] == "x4_low_res") {
      level = NoiseSchedule(betas(BetaKind::scaled_linear, 0.0001, 0.02)).at(row.at("level"));
    } else {
      throw Skipped{"noising of the family " + row["family"].dump() + " is not built"};
    }
    compare(add_noise(tensor("convert.x0"), tensor("convert.noise"), std::vector{level}), row.at("x_t"), 2e-5,
            findings);
  }

  void guidance(const json& row, Findings& findings) {
    compare(guided(tensor("guidance.uncond"), tensor("guidance.cond"), row.at("scale"), row.value("rescale", 0.0)),
            row.at("out"), 1e-5, findings);
  }

  void loss_weights(const json& row, Findings& findings) {
    const NoiseSchedule schedule = NoiseSchedule::stable_diffusion();
    for (const auto& [gamma, names] : row.at("gamma").items()) {
      for (const Prediction prediction : {Prediction::epsilon, Prediction::v_prediction}) {
        if (!names.contains(calotype::name_of(prediction))) continue;
        std::vector<double> got;
        for (const double sigma : schedule.sigmas())
          got.push_back(min_snr_weight(prediction, 1 / (sigma * sigma), std::stod(gamma)));
        const std::string name = names[calotype::name_of(prediction)];
        findings.measure(name, greatest_relative(got, tensors_.values(name)), 5e-5);
      }
    }
  }

  const json& index_;
  const ReferenceTensors& tensors_;
  Report& report_;
};

}  // namespace

void check_schedules(const Request& request, Report& report) {
  const json index = read_json(request.folder / "schedules.json");
  require(index.is_object(), ErrorKind::bad_file, "{}/schedules.json: expected an object", request.folder.string());
  const ReferenceTensors tensors(request.folder / "schedules.safetensors");
  Rows(index, tensors, report).run();
}

}  // namespace calotype::checker

#include "check/network_case.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/formula.h"

namespace calotype::checker {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();

bool is_tower(const std::string& network) {
  return network.starts_with("CLIP") || network == "TAESD";
}

Tensor filled(const json& words) {
  const std::vector<int64_t> extents = words.at("shape");
  Tensor x = Tensor::empty(Shape(extents));
  const std::string key = words.at("key"), fill = words.at("fill");
  require(fill == "noise" || fill == "uniform", ErrorKind::unsupported, "{}: the fill {} is unknown", key, fill);
  const std::span<float> values = x.edit<float>();
  if (fill == "noise")
    fill_formula_noise(key, values);
  else
    fill_formula(key, {0, 1}, 0, values);
  if (const std::optional<double> scale = optional_number(words, "scale"))
    for (float& value : values) value *= static_cast<float>(*scale);
  return x;
}

}  // namespace

NetworkTolerance network_tolerance(const std::string& name, const std::string& network) {
  NetworkTolerance result;
  const bool faint = name.ends_with("_faint"), full = name.ends_with("_full");
  if (name == "blocks") return {5e-6, 0};
  if (is_tower(network))
    result.f32 = 1e-5;
  else if (network.starts_with("DPT"))
    result.f32 = full ? 3e-4 : 2e-5;
  else
    result.f32 = full ? 3e-5 : 2e-5;
  if (faint) result.f32 = 5e-5;
  if (network == "UNet") result.half = 3e-2;
  if (network == "VAE" || network == "TAESD") result.half = 2.5e-2;
  if (network.starts_with("CLIP")) result.half = 1.2e-2;
  if (network.starts_with("DPT") && !full) result.half = 4e-2;
  if (faint) result.half = 0;
  return result;
}

Tensor reference_input(const ReferenceTensors& tensors, const std::string& stored, const json& words) {
  if (tensors.has(stored)) return tensors.tensor(stored);
  require(words.is_object() && words.contains("key"), ErrorKind::bad_file, "{} is neither stored nor described",
          stored);
  Tensor x = filled(words);
  if (words.contains("first")) {
    const std::vector<double> want = words["first"];
    for (size_t i = 0; i < want.size() && i < static_cast<size_t>(x.count()); ++i)
      require(std::abs(x.view<float>()[i] - want[i]) <= 1e-6 * std::max(1.0, std::abs(want[i])), ErrorKind::internal,
              "{}: value {} by the formula is {}, not {}", stored, i, x.view<float>()[i], want[i]);
  }
  return x;
}

NetworkCase::NetworkCase(const std::filesystem::path& file, json row, const Request& request, Findings& findings)
    : row_(std::move(row)), tensors_(file), request_(request), findings_(findings) {
  name_ = entry("case").is_string() ? entry("case").get<std::string>() : file.stem().string();
  network_ = entry("network").is_string() ? entry("network").get<std::string>() : "";
  tolerance_ = network_tolerance(name_, network_);
  if (request.precision == kernels::Precision::bf16 && tolerance_.half == 0)
    throw Skipped{"half precision is not judged on this case"};
}

json NetworkCase::entry(const std::string& key) const {
  const auto found = row_.find(key);
  return found != row_.end() ? *found : tensors_.metadata(key);
}

std::string NetworkCase::prefix() const {
  return word(entry("weights"), "prefix");
}

Tensor NetworkCase::input(const std::string& name) const {
  const json inputs = entry("inputs");
  const json words = inputs.is_object() ? inputs.value(name, json()) : json();
  return maps_from_reference(reference_input(tensors_, "in." + name, words));
}

std::vector<double> NetworkCase::list(const std::string& name) const {
  if (tensors_.has("in." + name)) return tensors_.values("in." + name);
  return entry("inputs").at(name).at("values").get<std::vector<double>>();
}

void NetworkCase::compare(const std::string& name, const Tensor& got) {
  if (!tensors_.has(name)) return;
  seen_.insert(name);
  const bool half = request_.precision == kernels::Precision::bf16, output = name.starts_with("out");
  if (half && !output) return;

  const json all = entry("tensors");
  const json words = all.is_object() ? all.value(name, json::object()) : json::object();
  const Shape shape =
      words.contains("shape") ? Shape(words["shape"].get<std::vector<int64_t>>()) : tensors_.shape(name);
  const auto stride = static_cast<int64_t>(optional_number(words, "stride").value_or(1));
  if (reference_shape(got) != shape) {
    require(got.count() == shape.count(), ErrorKind::bad_file, "{} has the shape {}, not {}", name,
            reference_shape(got).text(), shape.text());
  }
  const std::vector<double> want = tensors_.values(name), values = reference_values(got, std::max<int64_t>(1, stride));
  if (half) return findings_.measure(name, relative_l2(values, want), tolerance_.half);
  const double tolerance = !output && network_.starts_with("DPT") ? 2 * tolerance_.f32 : tolerance_.f32;
  findings_.measure(name, relative_l2(values, want), tolerance);
  findings_.measure("greatest difference of " + name, greatest_beside_rms(values, want), 10 * tolerance);
  compare_statistics(name, got, tolerance);
}

void NetworkCase::compare_statistics(const std::string& name, const Tensor& got, double tolerance) {
  if (!tensors_.has("stats." + name)) return;
  const std::vector<double> want = tensors_.values("stats." + name);
  require(want.size() == 4, ErrorKind::bad_file, "stats.{} are not mean, RMS, minimum and maximum", name);
  const Statistics values = statistics(got);
  const double rms = want[1] == 0 ? 1 : want[1];
  findings_.measure("RMS of " + name, relative(values.rms, want[1]), tolerance);
  findings_.measure("mean of " + name, std::abs(values.mean - want[0]) / rms, 10 * tolerance);
  findings_.measure("minimum of " + name, std::abs(values.least - want[2]) / rms, 10 * tolerance);
  findings_.measure("maximum of " + name, std::abs(values.greatest - want[3]) / rms, 10 * tolerance);
}

Tap NetworkCase::tap(const std::string& before) {
  return Tap([this, before](const std::string& name, const Tensor& value) { compare("tap." + before + name, value); });
}

void NetworkCase::finish() {
  for (const StoredTensor& tensor : tensors_.all()) {
    const bool wanted = tensor.name == "out" || tensor.name.starts_with("out.") || tensor.name.starts_with("tap.");
    if (wanted && !seen_.contains(tensor.name))
      findings_.measure(tensor.name + " never came", kInfinite, tolerance_.f32);
  }
}

}  // namespace calotype::checker

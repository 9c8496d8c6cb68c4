#include "models/original_network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/formula.h"
#include "ops/structure.h"

namespace calotype::testing {
namespace {

double length(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += double(x) * double(x);
  return std::sqrt(sum);
}

}  // namespace

OriginalWeights::OriginalWeights(KeyMap keys, std::string prefix, std::function<bool(const std::string&)> wanted)
    : keys_(keys),
      prefix_(prefix),
      formula_(std::move(keys), std::move(prefix)),
      trainable_(formula_, wanted ? std::move(wanted) : [](const std::string&) { return true; }) {}

std::map<std::string, std::vector<float>> OriginalWeights::by_key(
    const std::function<Tensor(const Tensor&)>& of) const {
  std::map<std::string, std::vector<float>> result;
  for (const NamedTensor& parameter : parameters()) {
    const KeyRow* row = keys_.find(parameter.name);
    if (!row) throw std::runtime_error(parameter.name + " has no original name");
    const StoredKey& key = row->original;
    std::vector<float>& values = result[prefix_ + key.name];
    const int64_t count = parameter.tensor.count();
    values.resize(count * key.parts);
    if (const Tensor tensor = of(parameter.tensor))
      std::ranges::copy(tensor.view<float>(), values.begin() + key.part * count);
  }
  return result;
}

OriginalGradients::OriginalGradients(const Gradients& gradients, const std::vector<const OriginalWeights*>& networks) {
  for (const OriginalWeights* network : networks)
    by_key_.merge(network->by_key([&](const Tensor& parameter) { return gradients.of(parameter); }));
}

double OriginalGradients::norm() const {
  double sum = 0;
  for (const auto& [key, gradient] : by_key_) sum += length(gradient) * length(gradient);
  return std::sqrt(sum);
}

void OriginalGradients::expect_norms_and_directions(const nlohmann::json& golden, const std::string& but) const {
  const double all = norm();
  std::set<std::string> missing;
  for (const auto& [key, gradient] : by_key_) missing.insert(key);
  missing.erase(but);
  for (const auto& [key, pair] : golden.items()) {
    ASSERT_TRUE(by_key_.contains(key)) << key;
    missing.erase(key);
    const std::vector<float>& gradient = by_key_.at(key);
    std::vector<float> noise(gradient.size());
    fill_formula_noise("direction." + key, noise);
    double direction = 0;
    for (size_t i = 0; i < noise.size(); ++i) direction += double(gradient[i]) * double(noise[i]);
    const double golden_norm = pair.at(0), golden_direction = pair.at(1);
    const double allowed = 1e-4 * (golden_norm + 2e-4 * all);
    EXPECT_NEAR(length(gradient), golden_norm, allowed) << key;
    EXPECT_NEAR(direction, golden_direction, allowed) << key;
  }
  EXPECT_TRUE(missing.empty()) << *missing.begin() << " and others are not in the reference";
}

void OriginalGradients::expect_near(const GoldenFile& file, const std::string& prefix, double tolerance) const {
  int compared = 0;
  for (const auto& [key, gradient] : by_key_) {
    if (!file.has(prefix + key)) continue;
    EXPECT_LE(distance(gradient, file.values<float>(prefix + key)), tolerance) << prefix << key;
    ++compared;
  }
  EXPECT_GE(compared, 3) << prefix;
}

double distance(const std::vector<float>& ours, const std::vector<float>& golden) {
  if (ours.size() != golden.size()) return INFINITY;
  double off = 0, size = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (!std::isfinite(ours[i])) return INFINITY;
    off += (double(ours[i]) - double(golden[i])) * (double(ours[i]) - double(golden[i]));
    size += double(golden[i]) * double(golden[i]);
  }
  return size > 0 ? std::sqrt(off / size) : std::sqrt(off);
}

void expect_near(const Tensor& ours, const GoldenFile& file, const std::string& name, double tolerance) {
  const std::vector<int64_t> extents = file.shape(name);
  // A map of ours, but neither tokens nor rows.
  const Tensor tensor = extents.size() == 4 && ours.shape().rank() == 4 ? channels_first(ours.detach()) : ours;
  const std::vector<float> values(tensor.view<float>().begin(), tensor.view<float>().end());
  EXPECT_LE(distance(values, file.values<float>(name)), tolerance) << name;
}

void expect_number(double ours, const nlohmann::json& golden, double tolerance, const std::string& what) {
  const double value = golden;
  EXPECT_NEAR(ours, value, tolerance * std::abs(value)) << what;
}

Tensor golden_tensor(const GoldenFile& file, const std::string& name) {
  return Tensor::from<float>(file.values<float>(name), Shape(file.shape(name)));
}

Tensor golden_map(const GoldenFile& file, const std::string& name) {
  return channels_last(golden_tensor(file, name));
}

}  // namespace calotype::testing

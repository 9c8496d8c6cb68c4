#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/key_map.h"
#include "load/formula_source.h"
#include "nn/fresh_source.h"
#include "support/golden_file.h"
#include "tensor/backward.h"

namespace calotype::testing {

/// Trainable weights of the formula, and what they are called in an original checkpoint.
class OriginalWeights {
 public:
  OriginalWeights(KeyMap keys, std::string prefix, std::function<bool(const std::string&)> wanted = {});
  ParamSource& source() { return trainable_; }
  const std::vector<NamedTensor>& parameters() const { return trainable_.parameters(); }
  /// The parameters' values, or what else belongs to each (none: zeros), under their original names.
  std::map<std::string, std::vector<float>> by_key(const std::function<Tensor(const Tensor&)>& of) const;

 private:
  KeyMap keys_;
  std::string prefix_;
  FormulaSource formula_;
  TrainableSource trainable_;
};

/// The gradients of several networks' parameters, under their original names.
class OriginalGradients {
 public:
  OriginalGradients(const Gradients& gradients, const std::vector<const OriginalWeights*>& networks);
  /// The length of all of them together.
  double norm() const;
  /// ‖g‖ and Σ g noise("direction." + key) of every parameter against `norm_and_direction`: both within
  /// 1e-4 (‖g‖ + 2e-4 ‖all‖), the bound of the reference numbers. The names must be the same ones, but for `but`.
  void expect_norms_and_directions(const nlohmann::json& golden, const std::string& but = {}) const;
  /// Every tensor PREFIX + key of the file, relative L2 distance.
  void expect_near(const GoldenFile& file, const std::string& prefix, double tolerance) const;
  const std::vector<float>& of(const std::string& key) const { return by_key_.at(key); }

 private:
  std::map<std::string, std::vector<float>> by_key_;
};

double distance(const std::vector<float>& ours, const std::vector<float>& golden);
void expect_near(const Tensor& ours, const GoldenFile& file, const std::string& name, double tolerance);
/// Within a relative error.
void expect_number(double ours, const nlohmann::json& golden, double tolerance, const std::string& what);

/// A tensor of the file; `map` says that it lies as [B, C, H, W].
Tensor golden_tensor(const GoldenFile& file, const std::string& name);
Tensor golden_map(const GoldenFile& file, const std::string& name);

}  // namespace calotype::testing

#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "support/golden_file.h"
#include "tensor/backward.h"

namespace calotype::testing {

/// ‖ours - golden‖ / ‖golden‖; ‖ours‖ where the golden is zero; infinite where a value is no number.
inline double distance(const Tensor& ours, const std::vector<float>& golden) {
  double off = 0, length = 0;
  for (int64_t i = 0; i < ours.count(); ++i) {
    const double value = ours.dtype() == DType::f64 ? ours.view<double>()[i] : double(ours.view<float>()[i]);
    if (!std::isfinite(value)) return INFINITY;
    off += (value - golden[i]) * (value - golden[i]);
    length += double(golden[i]) * golden[i];
  }
  return length > 0 ? std::sqrt(off / length) : std::sqrt(off);
}

/// One row of a golden file: its numbers, its tensors, and which of them an op was given.
class GoldenRow {
 public:
  GoldenRow(const GoldenFile& file, const nlohmann::json& json) : file_(file), json_(json), id_(json.at("id")) {}

  const std::string& id() const { return id_; }
  const nlohmann::json& json() const { return json_; }
  const nlohmann::json& attributes() const { return json_.at("attributes"); }
  bool has(const std::string& name) const { return file_.has(id_ + "/" + name); }
  std::vector<float> values(const std::string& name) const { return file_.values<float>(id_ + "/" + name); }
  std::vector<int32_t> ids(const std::string& name) const {
    const auto wide = file_.values<int64_t>(id_ + "/" + name);
    return {wide.begin(), wide.end()};
  }
  Tensor constant(const std::string& name) const {
    return Tensor::from<float>(values(name), Shape(file_.shape(id_ + "/" + name)));
  }
  /// An input to be trained; `expect_gradients` compares what becomes of it. None where the row has none.
  Tensor input(const std::string& name) {
    if (!has(name)) return {};
    Tensor& input = inputs_[name];
    if (!input) input = constant(name).trainable();
    return input;
  }

  void expect_near(const Tensor& ours, const std::string& name, double tolerance) const {
    const std::vector<float> golden = values(name);
    ASSERT_EQ(ours.count(), int64_t(golden.size())) << id_ << "/" << name;
    EXPECT_LE(distance(ours, golden), tolerance) << id_ << "/" << name;
  }
  void expect_gradients(const Gradients& gradients, double tolerance) const {
    EXPECT_FALSE(inputs_.empty());
    for (const auto& [name, input] : inputs_) {
      const Tensor gradient = gradients.of(input);
      ASSERT_TRUE(gradient) << id_ << "/" << name;
      EXPECT_EQ(gradient.shape(), input.shape());
      expect_near(gradient, "d" + name, tolerance);
    }
  }

 private:
  const GoldenFile& file_;
  const nlohmann::json& json_;
  std::string id_;
  std::map<std::string, Tensor> inputs_;
};

}  // namespace calotype::testing

#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace calotype::testing {

/// Where test data lie: tests/data, or the folder that CALOTYPE_GOLDENS names, to run on more than what is kept here.
std::filesystem::path data_path(const std::string& name);

/// A pair NAME.json and NAME.safetensors: numbers in the one, tensors by name in the other.
class GoldenFile {
 public:
  explicit GoldenFile(const std::string& name);
  const nlohmann::json& json() const { return json_; }
  bool has(const std::string& tensor) const { return header_.contains(tensor); }
  std::vector<int64_t> shape(const std::string& tensor) const;
  /// T must have the size of the stored type.
  template <class T>
  std::vector<T> values(const std::string& tensor) const;

 private:
  nlohmann::json json_, header_;
  std::string bytes_;
};

}  // namespace calotype::testing

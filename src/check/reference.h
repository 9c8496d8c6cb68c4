#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "tensor/tensor.h"

namespace calotype::checker {

using nlohmann::json;

/// Throws `bad_file`.
json read_json(const std::filesystem::path& path);

/// A list of rows; throws `bad_file` where the file is none.
std::vector<json> read_rows(const std::filesystem::path& path);

/// The tensors of one file of reference data, by name.
class ReferenceTensors {
 public:
  /// Throws `bad_file`.
  explicit ReferenceTensors(const std::filesystem::path& path) : file_(path) {}

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Shape shape(const std::string& name) const { return stored(name).shape; }
  StoredType type(const std::string& name) const { return stored(name).type; }
  /// All values, widened. Throws `bad_file` where there is no such tensor.
  std::vector<double> values(const std::string& name) const { return values_of(stored(name)); }
  /// The same as an f32 tensor of the stored shape.
  Tensor tensor(const std::string& name) const;
  std::vector<int32_t> integers(const std::string& name) const;
  /// 16-bit patterns, of whatever type.
  std::vector<uint16_t> bits16(const std::string& name) const;
  /// An entry of the file's metadata, read as JSON where it begins as such; null where there is none.
  json metadata(const std::string& key) const;
  const std::vector<StoredTensor>& all() const { return file_.tensors(); }

 private:
  const StoredTensor& stored(const std::string& name) const;
  Safetensors file_;
};

/// A number that may be absent or null.
std::optional<double> optional_number(const json& row, const char* key);
/// A word that may be absent or null.
std::string word(const json& row, const char* key, const std::string& fallback = "");

}  // namespace calotype::checker

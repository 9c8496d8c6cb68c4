#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/tensor_file.h"

namespace calotype {

/// The weights of one component of a diffusers folder, or of a single file: one list over all shards.
class WeightFiles {
 public:
  explicit WeightFiles(std::vector<TensorFile> files);
  WeightFiles(WeightFiles&&) = default;  // the tables point into the list of tensors
  WeightFiles& operator=(WeightFiles&&) = default;

  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  const std::vector<TensorFile>& files() const { return files_; }
  /// Null where there is none of that name.
  const StoredTensor* find(std::string_view name) const;
  /// Keeps the bytes of that tensor alive.
  std::shared_ptr<const void> owner_of(std::string_view name) const;

 private:
  std::vector<TensorFile> files_;
  std::vector<StoredTensor> tensors_;
  std::unordered_map<std::string_view, size_t> by_name_, file_of_;
};

/// What was chosen in a component's folder.
struct ComponentFiles {
  std::vector<std::filesystem::path> files;
  std::filesystem::path index;  // of the shards; empty where there is one file
  std::string variant;          // such as "fp16"; empty: full precision
};

/// The files of `folder/component`: the variant asked for, else full precision, else whatever variant there is; of each
/// safetensors before PyTorch's `.bin`, whole files before shards. Nothing where the folder has no weights at all.
/// Throws `bad_file` for an index that names files outside or that are missing.
std::optional<ComponentFiles> component_files(const std::filesystem::path& folder, std::string_view variant = "");

/// Opens them, and checks an index against what the shards hold.
WeightFiles open_component(const ComponentFiles& component);

/// Whether the path is a folder with a `model_index.json`. `pipeline_class` reads its `_class_name`.
bool is_diffusers_folder(const std::filesystem::path& path);
std::string pipeline_class(const std::filesystem::path& folder);

}  // namespace calotype

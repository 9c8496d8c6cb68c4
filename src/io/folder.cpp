#include "io/folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "io/json.h"
#include "io/printable.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// How files of a component are called, first choice first.
struct FileKind {
  std::string stem, ending;
};
const FileKind kKinds[] = {{"diffusion_pytorch_model", ".safetensors"},
                           {"model", ".safetensors"},
                           {"diffusion_pytorch_model", ".bin"},
                           {"pytorch_model", ".bin"}};

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// The map from tensor to shard; every name must be a bare file name.
std::map<std::string, std::string> read_index(const fs::path& path) {
  const json content = read_json(path, 64 << 20);
  const auto map = content.is_object() ? content.find("weight_map") : content.end();
  require(content.is_object() && map != content.end() && map->is_object(), ErrorKind::bad_file,
          "{}: an object weight_map is expected", path.string());
  std::map<std::string, std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    require(!name.empty() && name.find_first_of("/\\") == std::string::npos && name != "." && name != "..",
            ErrorKind::bad_file, "{}: {}: a bare file name is expected, found {}", path.string(), printable(tensor),
            name.empty() ? "none" : printable(name));
    shards[tensor] = name;
  }
  return shards;
}

std::optional<ComponentFiles> sharded(const fs::path& folder, const fs::path& index, const std::string& variant) {
  if (!is_file(index)) return std::nullopt;
  std::set<std::string> names;
  for (const auto& [tensor, shard] : read_index(index)) names.insert(shard);
  ComponentFiles component{{}, index, variant};
  for (const std::string& name : names) {
    require(is_file(folder / name), ErrorKind::bad_file, "{}: the shard {} is missing", index.string(),
            printable(name));
    component.files.push_back(folder / name);
  }
  require(!names.empty(), ErrorKind::bad_file, "{}: it names no shards", index.string());
  return component;
}

std::optional<ComponentFiles> of_variant(const fs::path& folder, const std::string& variant) {
  const std::string dotted = variant.empty() ? "" : "." + variant;
  for (const auto& [stem, ending] : kKinds) {
    const fs::path whole = folder / (stem + dotted + ending);
    if (is_file(whole)) return ComponentFiles{{whole}, {}, variant};
    // Both orders of the variant's name were in use.
    for (const std::string& index : {stem + ending + ".index" + dotted + ".json",
                                     stem + dotted + ending + ".index.json", stem + ending + dotted + ".index.json"})
      if (auto component = sharded(folder, folder / index, variant)) return component;
  }
  return std::nullopt;
}

/// Variants that the folder has, by the names STEM.VARIANT.safetensors and those of indices.
std::set<std::string> variants_in(const fs::path& folder) {
  std::set<std::string> variants;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; !ignored && at != end; at.increment(ignored)) {
    const std::string name = at->path().filename().string();
    for (const auto& [stem, ending] : kKinds) {
      if (!name.starts_with(stem + ".")) continue;
      const std::string rest = name.substr(stem.size());  // .VARIANT.safetensors, .safetensors.index.VARIANT.json
      if (rest.ends_with(ending) && rest.size() > ending.size())
        variants.insert(rest.substr(1, rest.size() - ending.size() - 1));
      const std::string index = ending + ".index.";
      if (rest.starts_with(index) && rest.ends_with(".json") && rest.size() > index.size() + 5)
        variants.insert(rest.substr(index.size(), rest.size() - index.size() - 5));
      const std::string older = ending + ".index.json";
      if (rest.ends_with(older) && rest.size() > older.size())
        variants.insert(rest.substr(1, rest.size() - older.size() - 1));
    }
  }
  return variants;
}

}  // namespace

WeightFiles::WeightFiles(std::vector<TensorFile> files) : files_(std::move(files)) {
  for (const TensorFile& file : files_) tensors_.insert(tensors_.end(), file.tensors().begin(), file.tensors().end());
  size_t i = 0;
  for (size_t f = 0; f < files_.size(); ++f)
    for (size_t n = 0; n < files_[f].tensors().size(); ++n, ++i) {
      require(by_name_.emplace(tensors_[i].name, i).second, ErrorKind::bad_file, "{}: {} is in another shard too",
              files_[f].path().string(), printable(tensors_[i].name));
      file_of_.emplace(tensors_[i].name, f);
    }
}

const StoredTensor* WeightFiles::find(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &tensors_[at->second];
}

std::shared_ptr<const void> WeightFiles::owner_of(std::string_view name) const {
  const auto at = file_of_.find(name);
  return at == file_of_.end() ? nullptr : files_[at->second].owner();
}

std::optional<ComponentFiles> component_files(const fs::path& folder, std::string_view variant) {
  require(variant.find_first_of("/\\") == std::string_view::npos, ErrorKind::bad_input, "{}: not the name of a variant",
          printable(variant));
  if (!variant.empty())
    if (auto component = of_variant(folder, std::string(variant))) return component;
  if (auto component = of_variant(folder, "")) return component;
  for (const std::string& other : variants_in(folder))
    if (auto component = of_variant(folder, other)) return component;
  return std::nullopt;
}

WeightFiles open_component(const ComponentFiles& component) {
  std::vector<TensorFile> files;
  for (const fs::path& path : component.files) files.emplace_back(path);
  if (!component.index.empty())
    for (const auto& [tensor, shard] : read_index(component.index)) {
      const auto at = std::find_if(files.begin(), files.end(),
                                   [&](const TensorFile& file) { return file.path().filename() == shard; });
      require(at != files.end() && at->find(tensor), ErrorKind::bad_file, "{}: {} is not in the shard {}",
              component.index.string(), printable(tensor), printable(shard));
    }
  return WeightFiles(std::move(files));
}

bool is_diffusers_folder(const fs::path& path) {
  return is_file(path / "model_index.json");
}

std::string pipeline_class(const fs::path& folder) {
  const json index = read_json(folder / "model_index.json");
  const auto at = index.is_object() ? index.find("_class_name") : index.end();
  require(index.is_object() && at != index.end() && at->is_string(), ErrorKind::bad_file,
          "{}: model_index.json: the text _class_name is expected", folder.string());
  return at->get<std::string>();
}

}  // namespace calotype

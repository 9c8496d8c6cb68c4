#include "cli/find_model.h"

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "io/printable.h"
#include "io/tensor_file.h"
#include "load/model_index.h"
#include "pipeline/field.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool holds_unet(const fs::path& path) {
  try {
    const TensorFile file(path);
    return std::ranges::any_of(
        file.tensors(), [](const StoredTensor& tensor) { return tensor.name.starts_with("model.diffusion_model."); });
  } catch (const Error&) {
    return false;  // a damaged file beside good ones
  }
}

/// The first file of the folder that holds a UNet; the others are parts that UNets share.
fs::path default_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if ((at->path().extension() == ".safetensors" || at->path().extension() == ".gguf") && holds_unet(at->path()))
      found.push_back(at->path());
  return found.empty() ? fs::path{} : *std::ranges::min_element(found);
}

fs::path named_in(const fs::path& folder, const std::string& name) {
  for (const fs::path& path : {folder / name, folder / (name + ".safetensors"), folder / (name + ".gguf")})
    if (is_there(path)) return path;
  return {};
}

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + printable(word, 200);
  return text;
}

/// The model that a name stands for among those of a folder; nothing where there is none. Throws `bad_input` where
/// there are several, naming them. Names that are there are added to `names`.
fs::path indexed(ModelIndex& index, const fs::path& folder, const std::string& asked, std::vector<std::string>& names) {
  std::vector<IndexedModel> models = index.models_in(folder);
  for (IndexedModel& model : models) {
    if (asked.ends_with(']') && !named({&model, 1}, asked.substr(0, asked.rfind(" ["))).empty()) index.hash(model);
    names.push_back(model.name());
  }
  std::vector<IndexedModel> found = named(models, asked);
  const auto whole = [](const IndexedModel& model) { return model.kind == "model"; };
  if (std::ranges::any_of(found, whole)) std::erase_if(found, std::not_fn(whole));
  std::vector<std::string> candidates;
  for (const IndexedModel& model : found) candidates.push_back(model.path);
  require(found.size() < 2, ErrorKind::bad_input, "{}: several models have this name, say which by its path: {}",
          printable(asked), listed(candidates));
  return found.empty() ? fs::path{} : fs::path(found[0].path);
}

fs::path found_by_name(const std::string& asked, const std::vector<fs::path>& folders) {
  ModelIndex index;
  std::vector<std::string> names, places;
  fs::path found;
  for (const fs::path& folder : folders) {
    found = indexed(index, folder, asked, names);
    if (found.empty()) found = named_in(folder, asked);  // parts that the index does not know
    if (!found.empty()) break;
    places.push_back(folder.lexically_normal().string());
  }
  index.keep();
  if (!found.empty()) return found;
  const std::vector<std::string> near = nearest(asked, names);
  fail(ErrorKind::bad_file, "{}: there is no such file or folder, and no model of that name in {}{}", printable(asked),
       places.empty() ? "any folder" : listed(places), near.empty() ? "" : "; do you mean " + listed(near) + "?");
}

}  // namespace

std::vector<fs::path> model_folders(const std::string& models_dir) {
  std::vector<fs::path> folders;
  std::error_code error;
  const auto add = [&](const fs::path& folder) {
    std::error_code ignored;
    if (std::ranges::none_of(folders, [&](const fs::path& one) { return fs::equivalent(one, folder, ignored); }))
      folders.push_back(folder);
  };
  require(models_dir.empty() || fs::is_directory(models_dir, error), ErrorKind::bad_file,
          "models_dir: {}: there is no such folder", printable(models_dir, 200));
  const char* variable = std::getenv("CALOTYPE_MODELS");
  if (!models_dir.empty())
    add(models_dir);
  else if (variable && *variable)
    add(variable);
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return folders;
  add(program.parent_path().parent_path().parent_path() / "models");
  add(program.parent_path().parent_path() / "share/calotype/models");
  return folders;
}

Field models_dir_field(std::string& value) {
  return {.name = "models_dir",
          .options = "--models-dir",
          .help = "a folder of models, which may be named instead of their paths; calotype models lists them",
          .value = &value,
          .unset = "$CALOTYPE_MODELS"};
}

fs::path find_model(const std::string& asked, const std::string& models_dir) {
  if (!asked.empty() && is_there(asked)) return asked;
  const std::vector<fs::path> folders = model_folders(models_dir);
  if (!asked.empty()) {
    require(asked.find('/') == std::string::npos, ErrorKind::bad_file, "{}: there is no such file or folder",
            printable(asked));
    return found_by_name(asked, folders);
  }
  std::vector<std::string> places;
  for (const fs::path& folder : folders) {
    if (const fs::path found = default_of(folder); !found.empty()) return found;
    places.push_back(folder.lexically_normal().string());
  }
  fail(ErrorKind::bad_file, "no model was found in {}; name one with -m, or its folder with --models-dir",
       places.empty() ? "any folder" : listed(places));
}

}  // namespace calotype::cli

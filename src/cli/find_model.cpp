#include "cli/find_model.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "io/printable.h"
#include "io/tensor_file.h"
#include "load/model_index.h"

namespace calotype::cli {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool holds_unet(const fs::path& path) {
  const TensorFile file(path);
  return std::ranges::any_of(
      file.tensors(), [](const StoredTensor& tensor) { return tensor.name.starts_with("model.diffusion_model."); });
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

/// The one model that the index has under that name; nothing where there is none. Throws `bad_input` where there are
/// several, naming them.
fs::path indexed(const std::string& asked) {
  ModelIndex index;
  std::vector<IndexedModel> models;
  for (const fs::path& folder : model_folders())
    for (IndexedModel& model : index.models_in(folder)) models.push_back(std::move(model));
  if (asked.ends_with(']')) {
    const std::string name = asked.substr(0, asked.rfind(" ["));
    for (IndexedModel& model : models)
      if (!named({&model, 1}, name).empty()) index.hash(model);
  }
  index.keep();
  const std::vector<IndexedModel> found = named(models, asked);
  std::string candidates;
  for (const IndexedModel& model : found) candidates += (candidates.empty() ? "" : ", ") + model.path;
  require(found.size() < 2, ErrorKind::bad_input, "{}: several models have this name: {}", printable(asked),
          candidates);
  return found.empty() ? fs::path{} : fs::path(found[0].path);
}

}  // namespace

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* named = std::getenv("CALOTYPE_MODELS"); named && *named) folders.emplace_back(named);
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return folders;
  folders.push_back(program.parent_path().parent_path().parent_path() / "models");
  folders.push_back(program.parent_path().parent_path() / "share/calotype/models");
  return folders;
}

fs::path find_model(const std::string& asked) {
  if (!asked.empty() && is_there(asked)) return asked;
  const bool plain_name = asked.find('/') == std::string::npos;
  std::string places;
  for (const fs::path& folder : model_folders()) {
    const fs::path found = asked.empty() ? default_of(folder) : plain_name ? named_in(folder, asked) : fs::path{};
    if (!found.empty()) return found;
    places += (places.empty() ? "" : ", ") + folder.string();
  }
  if (!asked.empty() && plain_name)
    if (const fs::path found = indexed(asked); !found.empty()) return found;
  require(asked.empty(), ErrorKind::bad_file, "{}: there is no such file or folder, and no bundled model of that name",
          printable(asked));
  fail(ErrorKind::bad_file, "no bundled model was found in {}; name one with -m, or its folder with CALOTYPE_MODELS",
       places);
}

}  // namespace calotype::cli

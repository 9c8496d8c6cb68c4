#include "load/model_index.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/output_file.h"
#include "base/sha256.h"
#include "io/folder.h"
#include "io/json.h"
#include "io/printable.h"
#include "load/model_files.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr size_t kMostModels = 10'000;
constexpr std::string_view kEndings[] = {".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf"};

struct Official {
  std::string_view sha256, name;
};
constexpr Official kOfficial[] = {
    {"df955bdf6b682338ea9b55dfc0d8f3475aadf4836e204893d28b82355e0956d2", "v2-1_512-ema-pruned"},
    {"dcd690123cfc64383981a31d955694f6acf2072a80537fdb612c8e58ec87a8ac", "v2-1_768-ema-pruned"},
    {"ff144a49841cf383adbc68841272ce639e1032b0a1f0f6587347feb953c244f4", "v2-1_768-nonema-pruned"}};

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  return result;
}

int64_t time_of(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  return error ? 0 : time.time_since_epoch().count();
}

bool is_weights(const fs::path& path) {
  return std::ranges::find(kEndings, lower(path.extension().string())) != std::end(kEndings);
}

/// Size and time of a file, or of all weights of a folder.
void measure(const fs::path& path, IndexedModel& model) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    model.bytes = static_cast<int64_t>(fs::file_size(path, error));
    model.time = time_of(path);
    return;
  }
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    if (is_weights(at->path())) model.bytes += static_cast<int64_t>(at->file_size(ignored));
    model.time = std::max(model.time, time_of(at->path()));
  }
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void describe(const ModelFiles& files, IndexedModel& model) {
  const Recognised& found = files.found();
  model.kind = found.unet ? "model" : found.vae ? "autoencoder" : "text tower";
  for (const PartKind part : kParts)
    if (files.has(part)) model.parts += (model.parts.empty() ? "" : ", ") + std::string(name_of(part));
  std::set<std::string> types;
  for (const auto& one : files.files())
    for (const StoredTensor& tensor : one->tensors()) types.insert(std::string(name_of(tensor.type)));
  model.types = joined(types);
  for (const char* key : {"modelspec.license", "general.license"})
    if (const auto at = files.metadata().find(key); at != files.metadata().end()) model.license = as_utf8(at->second);
  if (!found.unet) return;
  model.family = name_of(found.family);
  const auto know = [&](Prediction prediction, const char* from) {
    model.prediction = prediction == Prediction::v_prediction ? "v_prediction"
                       : prediction == Prediction::sample     ? "sample"
                                                              : "epsilon";
    model.from = from;
  };
  if (found.family == Family::sd2)
    if (const auto by = prediction_by_statistic(files.files_of(PartKind::unet).tensors(), *found.unet))
      know(*by, "a statistic of its weights");
  if (const auto by = prediction_of(found.family)) know(*by, "the kind of model");
  for (const ModelSettings& said : files.settings())
    if (said.prediction) know(*said.prediction, "what stands beside the weights");
}

json to_json(const IndexedModel& model) {
  return {{"size", model.bytes},
          {"mtime", model.time},
          {"kind", model.kind},
          {"family", model.family},
          {"prediction", model.prediction},
          {"from", model.from},
          {"parts", model.parts},
          {"dtype", model.types},
          {"licence", model.license},
          {"sha256", model.sha256}};
}

IndexedModel from_json(const std::string& path, const json& row) {
  const auto text = [&](const char* key) { return row.at(key).get<std::string>(); };
  return {.path = path,
          .bytes = row.at("size").get<int64_t>(),
          .time = row.at("mtime").get<int64_t>(),
          .kind = text("kind"),
          .family = text("family"),
          .prediction = text("prediction"),
          .from = text("from"),
          .parts = text("parts"),
          .types = text("dtype"),
          .license = text("licence"),
          .sha256 = text("sha256")};
}

}  // namespace

std::string IndexedModel::name() const {
  std::error_code error;
  const fs::path whole(path);
  return fs::is_directory(whole, error) ? whole.filename().string() : whole.stem().string();
}

std::string IndexedModel::titled() const {
  return sha256.empty() ? name() : fmt::format("{} [{}]", name(), sha256.substr(0, 10));
}

IndexedModel look_into(const fs::path& path) {
  IndexedModel model{.path = fs::absolute(path).lexically_normal().string()};
  measure(path, model);
  std::error_code error;
  try {
    if (fs::is_directory(path, error)) {
      describe(ModelFiles(path), model);
      return model;
    }
    const TensorFile file(path);
    const Recognised found = recognise(file.tensors(), path.string());
    if (found.any_network())
      describe(ModelFiles(path), model);
    else if (found.lora || found.embedding || found.control_net)
      model.kind = found.lora ? "LoRA" : found.embedding ? "embedding" : "ControlNet";
  } catch (const Error&) {
    model.kind.clear();  // it is no model that can be used
  }
  return model;
}

fs::path ModelIndex::usual_place() {
  const auto folder = [](const char* variable) -> fs::path {
    const char* value = std::getenv(variable);
    return value ? value : "";
  };
  fs::path cache = folder("XDG_CACHE_HOME");
  if (cache.empty() && !folder("HOME").empty()) cache = folder("HOME") / ".cache";
  return cache.empty() ? fs::path() : cache / "calotype" / "models.json";
}

ModelIndex::ModelIndex(fs::path kept) : kept_(std::move(kept)) {
  std::error_code error;
  if (kept_.empty() || !fs::is_regular_file(kept_, error)) return;
  try {
    const json content = read_json(kept_, 64 << 20);
    if (content.at("version") != kVersion) return;
    for (const auto& [path, row] : content.at("models").items()) known_[path] = from_json(path, row);
  } catch (const std::exception&) {
    known_.clear();  // it is only a cache
  }
}

std::vector<IndexedModel> ModelIndex::models_in(const fs::path& folder) {
  std::vector<fs::path> paths;
  const auto list = [&](const fs::path& from, bool deeper, const auto& self) -> void {
    std::error_code error;
    for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
      std::error_code ignored;
      require(paths.size() < kMostModels, ErrorKind::bad_input, "{}: more than {} models", folder.string(),
              kMostModels);
      if (!at->is_directory(ignored)) {
        if (at->is_regular_file(ignored) && is_weights(at->path())) paths.push_back(at->path());
      } else if (is_diffusers_folder(at->path())) {
        paths.push_back(at->path());
      } else if (deeper) {
        self(at->path(), false, self);
      }
    }
  };
  list(folder, true, list);
  std::vector<IndexedModel> models;
  for (const fs::path& path : paths) {
    IndexedModel now{.path = fs::absolute(path).lexically_normal().string()};
    measure(path, now);
    const auto at = known_.find(now.path);
    if (at == known_.end() || at->second.bytes != now.bytes || at->second.time != now.time) {
      known_[now.path] = look_into(path);
      changed_ = true;
    }
    if (!known_[now.path].kind.empty()) models.push_back(known_[now.path]);
  }
  std::ranges::sort(models, {}, [](const IndexedModel& model) { return lower(model.name()) + '\0' + model.path; });
  return models;
}

std::string ModelIndex::hash(IndexedModel& model) {
  std::error_code error;
  if (!model.sha256.empty() || fs::is_directory(model.path, error)) return model.sha256;
  const MappedFile file(model.path);
  Sha256 sum;
  constexpr size_t kPiece = 16 << 20;
  for (size_t at = 0; at < file.bytes().size(); at += kPiece) {
    const auto piece = file.bytes().subspan(at, std::min(kPiece, file.bytes().size() - at));
    sum.add(piece);
    MappedFile::let_go(piece);
  }
  model.sha256 = sum.digest();
  known_[model.path].sha256 = model.sha256;
  changed_ = true;
  return model.sha256;
}

void ModelIndex::keep() noexcept {
  if (!changed_ || kept_.empty()) return;
  try {
    json models = json::object();
    for (const auto& [path, model] : known_)
      if (is_utf8(path) && fs::exists(path)) models[path] = to_json(model);
    fs::create_directories(kept_.parent_path());
    write_text(kept_, json{{"version", kVersion}, {"models", models}}.dump(1) + "\n");
    changed_ = false;
  } catch (const std::exception&) {
  }
}

std::vector<IndexedModel> named(std::span<const IndexedModel> models, std::string_view asked) {
  std::string name = lower(asked), hash;
  if (const size_t open = name.rfind(" ["); open != std::string::npos && name.ends_with(']')) {
    hash = name.substr(open + 2, name.size() - open - 3);
    name.erase(open);
  }
  std::vector<IndexedModel> found;
  for (const IndexedModel& model : models) {
    const std::string file = lower(fs::path(model.path).filename().string());
    if ((lower(model.name()) == name || file == name) && (hash.empty() || model.sha256.starts_with(hash)))
      found.push_back(model);
  }
  return found;
}

std::string_view official_name(std::string_view sha256) {
  for (const Official& file : kOfficial)
    if (file.sha256 == sha256) return file.name;
  return {};
}

}  // namespace calotype

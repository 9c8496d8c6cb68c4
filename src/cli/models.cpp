#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/find_model.h"
#include "cli/options.h"
#include "cli/output.h"
#include "io/printable.h"
#include "load/model_index.h"

namespace calotype::cli {
namespace {

std::string line_of(const IndexedModel& model) {
  std::string line = fmt::format("{}: {}", printable(model.titled()), model.kind);
  if (const std::string_view official = official_name(model.sha256); !official.empty())
    line += fmt::format(", the official {}", official);
  if (!model.family.empty() && model.family != "other") line += ", " + model.family;
  if (!model.prediction.empty()) line += fmt::format(", predicts {} ({})", model.prediction, model.from);
  line += fmt::format(", {}, {:.0f} MB", model.types, static_cast<double>(model.bytes) / 1e6);
  if (!model.license.empty()) line += ", " + printable(model.license);
  return line + '\n';
}

nlohmann::ordered_json object_of(const IndexedModel& model) {
  return {{"name", as_utf8(model.name())}, {"path", as_utf8(model.path)},    {"kind", model.kind},
          {"family", model.family},        {"prediction", model.prediction}, {"prediction_source", model.from},
          {"parts", model.parts},          {"types", model.types},           {"bytes", model.bytes},
          {"license", model.license},      {"sha256", model.sha256},         {"official", official_name(model.sha256)}};
}

}  // namespace

int list_models(Arguments arguments) {
  std::string folder;
  bool hashes = false, as_json = false;
  Options options(
      "calotype models",
      "Lists the models that -m finds by name. What is in a file is looked up once and kept, while its size "
      "and time stay.");
  options.add(
      "Options",
      {{.name = "models_dir",
        .options = "--models-dir",
        .help = "a folder of models, alone",
        .value = &folder,
        .unset = "$CALOTYPE_MODELS, and the bundled ones"},
       {.name = "hashes", .options = "--hashes", .help = "work out each file's SHA-256; slow", .value = &hashes},
       {.name = "json", .options = "--json", .help = "as JSON", .value = &as_json}});
  options.add_example("calotype models --hashes");
  if (!options.parse(arguments)) return kSuccess;
  ModelIndex index;
  std::vector<IndexedModel> models;
  std::vector<std::filesystem::path> folders = model_folders(folder);
  if (!folder.empty()) folders.resize(1);
  for (const std::filesystem::path& one : folders)
    for (IndexedModel& model : index.models_in(one)) {
      if (hashes) index.hash(model);
      models.push_back(std::move(model));
    }
  index.keep();
  if (as_json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const IndexedModel& model : models) list.push_back(object_of(model));
    print_result(list.dump(2) + "\n");
  } else {
    std::string text;
    for (const IndexedModel& model : models) text += line_of(model);
    print_result(text);
  }
  return kSuccess;
}

}  // namespace calotype::cli

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>

#include "base/error.h"
#include "check/model_words.h"
#include "load/formula_file.h"

namespace calotype::checker {
namespace {

const std::map<std::string, ReleasedModel> kKinds = {
    {"base", ReleasedModel::base},         {"v", ReleasedModel::v},
    {"turbo", ReleasedModel::turbo},       {"inpainting", ReleasedModel::inpainting},
    {"depth", ReleasedModel::depth},       {"x4", ReleasedModel::x4},
    {"unclip-h", ReleasedModel::unclip_h}, {"unclip-l", ReleasedModel::unclip_l},
    {"sd1", ReleasedModel::sd1},           {"sd1-inpainting", ReleasedModel::sd1_inpainting},
};
constexpr const char* kSmall = "taesd";

struct Request {
  std::filesystem::path path, models;
  std::string type = "f16", kind = "base", only;

  DType dtype() const { return type == "f32" ? DType::f32 : type == "bf16" ? DType::bf16 : DType::f16; }
};

/// The tiny models of reference data, one file and one yaml each.
void write_tiny_models(const Request& request) {
  const json models = read_json(request.models).value("models", json::object());
  require(request.only.empty() || models.contains(request.only), ErrorKind::bad_input, "{}: there is no model {}",
          request.models.string(), request.only);
  std::filesystem::create_directories(request.path);
  for (const auto& [name, words] : models.items())
    if (request.only.empty() || name == request.only)
      write_formula_model(request.path / (name + ".safetensors"), model_description(words), request.dtype());
}

/// Checkpoints of real size (SD 2 base: 1.3 G values) without any download: for loading, timing and memory.
void write(const Request& request) {
  if (!request.models.empty()) return write_tiny_models(request);
  if (request.kind == kSmall) return write_formula_file(request.path, formula_parts(TinyVaeConfig{}), request.dtype());
  // Nothing but a word tells a distilled model from the one that it was made of.
  std::map<std::string, std::string> metadata;
  if (request.kind == "turbo") metadata["modelspec.title"] = "SD-Turbo";
  write_formula_model(request.path, description_of(kKinds.at(request.kind)), request.dtype(), metadata);
}

int run(int argc, char** argv) {
  CLI::App app(
      "Writes checkpoints whose weights are a formula, with their yaml beside them: of the real size of a released "
      "model, or the tiny models that a models.json describes.",
      "calotype-formula-file");
  Request request;
  std::vector<std::string> kinds{kSmall};
  for (const auto& [name, kind] : kKinds) kinds.push_back(name);
  app.add_option("PATH", request.path, "a .safetensors file in the original layout; with --models, a folder")
      ->required();
  app.add_option("--kind", request.kind, "which model")->check(CLI::IsMember(kinds))->capture_default_str();
  app.add_option("--models", request.models, "a models.json: write its models, NAME.safetensors and NAME.yaml")
      ->check(CLI::ExistingFile);
  app.add_option("--only", request.only, "of --models, this one");
  app.add_option("--dtype", request.type, "f16, bf16 or f32")
      ->check(CLI::IsMember({"f16", "bf16", "f32"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    write(request);
  } catch (const std::exception& error) {
    std::cerr << "calotype-formula-file: " << error.what() << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace calotype::checker

int main(int argc, char** argv) {
  return calotype::checker::run(argc, argv);
}

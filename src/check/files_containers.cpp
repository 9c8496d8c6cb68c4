#include <algorithm>

#include "base/error.h"
#include "check/files_case.h"
#include "io/tensor_file.h"

namespace calotype::checker {
namespace {

namespace fs = std::filesystem;

/// Whose outputs a file's weights give: of its own name, else of its type; nothing where there are none.
std::string effect_of(const json& row, const ReferenceTensors& effects) {
  for (const std::string& name : {fs::path(word(row, "path")).stem().string(), word(row, "dtype")})
    if (!name.empty() && (effects.has(name + ".unet") || effects.has(name + ".text"))) return name;
  return "";
}

/// What a file of named tensors holds, whatever it is called for.
void compare_content(FilesCase& one) {
  const TensorFile file(one.path());
  int64_t not_numbers = 0;
  for (const StoredTensor& tensor : file.tensors()) not_numbers += count_not_a_number(tensor);
  if (word(one.row(), "expect") == "open-with-warning")
    one.findings().exact("no value was found that is not a number", not_numbers > 0 ? 0 : 1);
  if (one.row().contains("tensors")) compare_tensors(file.tensors(), one.row()["tensors"], one.findings());
}

void compare_model(FilesCase& one) {
  const json& row = one.row();
  const ModelFiles files(one.path());
  compare_components(files, row["components"], Averages::yes, false, one.findings());
  if (row.contains("components_without_ema"))
    compare_components(files, row["components_without_ema"], Averages::no, false, one.findings());
  if (row.contains("components_variant_fp16"))
    compare_components(ModelFiles(one.path(), "fp16"), row["components_variant_fp16"], Averages::yes, false,
                       one.findings());
}

/// A model whose weights are compared, and run where the reference has run them.
void check_models(const FilesContext& context, const char* topic, Report& report) {
  run_topic(context, topic, report, [&](const json& row, FilesCase& one, Findings& findings) {
    one.judge([&] {
      if (row.contains("components"))
        compare_model(one);
      else if (fs::is_directory(one.path()))
        ModelFiles(one.path());
      else
        compare_content(one);
    });
    if (!row.contains("components") || !fs::exists(context.folder / "effects.safetensors")) return;
    const ReferenceTensors effects(context.folder / "effects.safetensors");
    const std::string name = effect_of(row, effects);
    if (!name.empty()) compare_effects(one.path(), name, context.sizes, effects, findings);
  });
}

}  // namespace

void check_checkpoints(const FilesContext& context, Report& report) {
  check_models(context, "checkpoints", report);
}

void check_folders(const FilesContext& context, Report& report) {
  check_models(context, "folders", report);
}

void check_damaged(const FilesContext& context, Report& report) {
  for (const char* topic : {"broken", "legal", "malicious"})
    run_topic(context, topic, report, [&](const json&, FilesCase& one, Findings& findings) {
      one.judge([&] { compare_content(one); });
      findings.exact("a pickle was executed", fs::exists("calotype-pickle-was-executed") ? 1 : 0);
    });
}

}  // namespace calotype::checker

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "check/distance.h"
#include "check/files_case.h"
#include "load/inversions.h"

namespace calotype::checker {
namespace {

constexpr int64_t kFirstWidth = 768, kSecondWidth = 1024;  // of the towers of Stable Diffusion 1 and 2

void compare_vectors(FilesCase& one, const ReferenceTensors& effects, const Inversion& inversion) {
  const json& row = one.row();
  Findings& findings = one.findings();
  if (row.contains("vectors")) {
    const Shape& shape = inversion.vectors.shape();
    findings.equal("shape", std::vector<int64_t>(shape.begin(), shape.end()),
                   row["vectors"].get<std::vector<int64_t>>());
  }
  if (row.contains("name")) findings.exact("name " + inversion.name, inversion.name == word(row, "name") ? 0 : 1);
  if (const std::string inside = word(row, "inside"); inside.starts_with('<'))
    findings.exact("the token inside is not known", std::ranges::count(inversion.spellings, inside) == 1 ? 0 : 1);
  const std::string tensor = word(row, "tensor");
  if (tensor.empty()) return;
  const std::vector<double> got = reference_values(inversion.vectors), want = effects.values(tensor);
  double worst = got.size() == want.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) worst = std::max(worst, std::abs(got[i] - want[i]));
  // Cards hold decimals.
  findings.measure("vectors", worst, one.path().extension() == ".png" ? 1e-6 : 0);
}

void check_embedding(const FilesContext& context, const json& row, const ReferenceTensors& effects,
                     Findings& findings) {
  FilesCase one(context, row, findings);
  const bool of_the_first = word(row, "expect").starts_with("open for SD 1");
  one.judge(
      [&] { compare_vectors(one, effects, read_inversion(one.path(), of_the_first ? kFirstWidth : kSecondWidth)); });
  if (!of_the_first) return;
  std::string message;
  try {
    read_inversion(one.path(), kSecondWidth);
  } catch (const Error& error) {
    message = error.what();
  }
  for (const std::string& part : {word(row, "name"), std::to_string(kFirstWidth), std::to_string(kSecondWidth)})
    findings.exact("with Stable Diffusion 2 no refusal that says " + part,
                   message.find(part) == std::string::npos ? 1 : 0);
}

}  // namespace

void check_embeddings(const FilesContext& context, Report& report) {
  const json rows = context.index.value("embeddings", json::array());
  if (rows.empty()) return;
  const ReferenceTensors effects(context.folder / "effects.safetensors");
  for (const json& row : rows)
    report.run(
        word(row, "path"), [&](Findings& findings) { check_embedding(context, row, effects, findings); }, "embeddings");
}

}  // namespace calotype::checker

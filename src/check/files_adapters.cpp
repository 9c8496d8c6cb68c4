#include "check/configurations.h"
#include "check/distance.h"
#include "check/files_cases.h"
#include "load/adapters.h"
#include "load/file_source.h"
#include "models/clip.h"
#include "models/unet.h"
#include "ops/structure.h"

namespace calotype::checker {
namespace {

constexpr double kUNet = 1e-5, kText = 5e-6, kMerged = 1e-6;

/// The model that the adapters change: both networks' weights, and their configurations.
struct Base {
  explicit Base(const FilesFolder& folder)
      : files([&] {
          std::vector<TensorFile> one;
          one.emplace_back(folder.path / "checkpoints/tiny-f32.safetensors");
          return WeightFiles(std::move(one));
        }()),
        unet_config(checker::unet_config(folder.config.at("unet"))),
        text_config(open_clip_config(folder.config.at("text"), folder.config.at("text").value("activation", ""))),
        unet(adapted_network<UNet>(unet_config, unet_keys(unet_config))),
        text(adapted_network<TextEncoder>(text_config, text_keys(text_config))) {}

  FileSource unet_source() const { return {files, unet.keys, Layout::original, "model.diffusion_model."}; }
  FileSource text_source() const { return {files, text.keys, Layout::original, "cond_stage_model.model."}; }

  WeightFiles files;
  UNetConfig unet_config;
  TextConfig text_config;
  AdaptedNetwork unet, text;
};

Adapters adapted(const Base& base, const std::filesystem::path& file, double multiplier) {
  return Adapters({{.file = file, .unet = multiplier, .text = multiplier}}, base.unet, base.text);
}

void compare(Findings& findings, const std::string& what, const Tensor& got, const std::vector<double>& want,
             double tolerance) {
  const std::vector<double> values = reference_values(got);
  findings.measure(what, relative_l2(values, want), tolerance);
  findings.measure(what + ", greatest", greatest_beside_rms(values, want), 10 * tolerance);
}

void check_effect(const Base& base, const Adapters& adapters, const FilesFolder& folder, const std::string& prefix,
                  Findings& findings) {
  const ReferenceTensors& effects = folder.effects;
  if (effects.has(prefix + ".unet")) {
    FileSource source = base.unet_source();
    AdaptedSource changed(source, adapters.unet());
    const UNet unet(Params(changed), base.unet_config);
    compare(findings, prefix + ".unet",
            unet({.x = maps_from_reference(effects.tensor("unet.latent")),
                  .times = effects.values("unet.time"),
                  .context = effects.tensor("unet.context")}),
            effects.values(prefix + ".unet"), kUNet);
  }
  if (effects.has(prefix + ".text")) {
    FileSource source = base.text_source();
    AdaptedSource changed(source, adapters.text());
    const TextEncoder text(Params(changed), base.text_config);
    compare(findings, prefix + ".text", text(effects.integers("text.ids")), effects.values(prefix + ".text"), kText);
  }
}

/// The weight as the original layout has it, its parts one after another.
Tensor merged_weight(const Base& base, const Adapters& adapters, const std::string& key) {
  const std::string unet_prefix = "model.diffusion_model.", text_prefix = "cond_stage_model.model.";
  const bool in_unet = key.starts_with(unet_prefix);
  const AdaptedNetwork& network = in_unet ? base.unet : base.text;
  const Adaptation& adaptation = in_unet ? adapters.unet() : adapters.text();
  FileSource source = in_unet ? base.unet_source() : base.text_source();
  std::vector<Tensor> parts;
  for (const KeyRow* row :
       network.keys.stored_as(Layout::original, key.substr(in_unet ? unet_prefix.size() : text_prefix.size()))) {
    const Tensor weight = source.get(row->ours, network.shapes.at(row->ours), {});
    parts.push_back(adaptation.touches(row->ours) ? adaptation.merged(row->ours, weight) : weight);
  }
  require(!parts.empty(), ErrorKind::bad_file, "{}: the model has no such weight", key);
  return parts.size() == 1 ? parts[0] : stack_pictures(parts);
}

void check_opening(const Base& base, const FilesFolder& folder, const json& row, Findings& findings) {
  const std::string path = row.at("path");
  const std::filesystem::path file = folder.path / path;
  const AdapterReport report = adapted(base, file, 1).reports()[0];
  findings.exact("modules applied", std::abs(report.applied - row.at("applied").get<int64_t>()));
  findings.equal("modules unused", report.unused, row.at("unused").get<std::vector<std::string>>());
  for (const auto& [multiplier, prefix] : row.at("results").items())
    check_effect(base, adapted(base, file, std::stod(multiplier)), folder, prefix, findings);
  if (!row.contains("merged") || row["merged"].empty()) return;
  const Adapters merged = adapted(base, file, row.at("merged_at"));
  for (const std::string key : row["merged"]) {
    const std::string name = "lora." + std::filesystem::path(path).filename().string() + ".merged." + key;
    compare(findings, name, merged_weight(base, merged, key).reshape({-1}), folder.effects.values(name), kMerged);
  }
}

void check_refusal(const Base& base, const FilesFolder& folder, const json& row, Findings& findings) {
  const std::string path = row.at("path"), module = word(row, "module");
  try {
    adapted(base, folder.path / path, 1);
    findings.exact("it was not refused", 1);
  } catch (const Error& error) {
    findings.exact("the module is not named", std::string(error.what()).find(module) == std::string::npos);
  }
}

}  // namespace

void check_adapters(const FilesFolder& folder, Report& report) {
  const auto rows = folder.index.find("lora");
  if (rows == folder.index.end()) return;
  const Base base(folder);
  for (const json& row : *rows)
    report.run(row.at("path"), [&](Findings& findings) {
      (row.at("expect") == "open" ? check_opening : check_refusal)(base, folder, row, findings);
    });
}

}  // namespace calotype::checker

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "base/error.h"
#include "base/isa.h"
#include "check/kinds.h"

namespace calotype::checker {
namespace {

struct Kind {
  const char* name;
  void (*run)(const Request&, Report&);
  bool half_precision;  // are there tolerances for it?
};

constexpr Kind kKinds[] = {
    {"networks", check_networks, true}, {"samplers", check_samplers, false}, {"pipelines", check_pipelines, false},
    {"text", check_text, true},         {"training", check_training, false}, {"files", check_files, false},
    {"images", check_images, false},
};

constexpr int kUsage = 2, kUnreadable = 3;

int run(int argc, char** argv) {
  CLI::App app("Compares Calotype with a folder of reference data: a line a case, then a count.", "calotype-check");
  std::string kind, folder, only, precision = "f32", set;
  std::vector<std::string> names, sets;
  for (const Isa known : supported_isas()) sets.emplace_back(name_of(known));
  for (const Kind& known : kKinds) names.push_back(known.name);
  app.add_option("KIND", kind, "what the folder holds")->required()->check(CLI::IsMember(names));
  app.add_option("FOLDER", folder, "reference data of that kind")->required();
  app.add_option("--only", only, "only cases whose name matches this glob");
  app.add_option("--precision", precision, "bf16: products in half precision, and its tolerances")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  app.add_option("--isa", set, "instruction set; the best this processor has where none is named")
      ->check(CLI::IsMember(sets));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  const Kind& chosen = *std::ranges::find_if(kKinds, [&](const Kind& known) { return kind == known.name; });
  if (precision == "bf16" && !chosen.half_precision) {
    std::cerr << "calotype-check: --precision bf16: " << kind << " has no tolerances for half precision\n";
    return kUsage;
  }
  try {
    if (!set.empty()) force_isa(*isa_from(set));
    require(std::filesystem::is_directory(folder), ErrorKind::bad_file, "{}: this is no folder", folder);
    Report report(std::cout, only);
    chosen.run({folder, precision == "bf16" ? kernels::Precision::bf16 : kernels::Precision::f32}, report);
    const int code = report.finish();
    if (code == kUsage) std::cerr << "calotype-check: --only " << only << ": no case has such a name\n";
    return code;
  } catch (const std::exception& error) {
    std::cerr << "calotype-check: " << error.what() << "\n";
    return kUnreadable;
  }
}

}  // namespace
}  // namespace calotype::checker

int main(int argc, char** argv) {
  return calotype::checker::run(argc, argv);
}

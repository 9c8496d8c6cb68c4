#include <CLI/CLI.hpp>
#include <iostream>

#include "base/error.h"
#include "load/formula_file.h"

namespace calotype::checker {
namespace {

/// A checkpoint of real size (SD 2 base: 1.3 G values) without any download: for loading, timing and memory.
int run(int argc, char** argv) {
  CLI::App app("Writes a checkpoint of Stable Diffusion 2's real size whose weights are a formula.",
               "calotype-formula-file");
  std::string file, type = "f16";
  app.add_option("FILE", file, "where to: a .safetensors file in the original layout")->required();
  app.add_option("--dtype", type, "f16, bf16 or f32")
      ->check(CLI::IsMember({"f16", "bf16", "f32"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    TextConfig text;
    text.projection_width = text.width;
    write_formula_file(file, {formula_part(UNetConfig()), formula_part(VaeConfig()), formula_part(text)},
                       type == "f32"    ? DType::f32
                       : type == "bf16" ? DType::bf16
                                        : DType::f16);
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

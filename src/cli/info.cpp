#include <fmt/format.h>
#include <tbb/version.h>

#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

#include "base/isa.h"
#include "base/parallel.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/exit_code.h"
#include "cli/find_model.h"
#include "cli/machine.h"
#include "cli/output.h"
#include "cli/run_options.h"
#include "kernels/attention.h"
#include "kernels/conv2d.h"
#include "pipeline/parameters.h"

namespace calotype::cli {
namespace {

struct Fact {
  std::string key, value;
};

std::string versions() {
  return fmt::format("{} {}.{}, Highway {}, oneTBB {}, fmt {}.{}.{}, CLI11 {}, JSON {}.{}.{}",
#if defined(__clang__)
                     "clang", __clang_major__, __clang_minor__,
#else
                     "g++", __GNUC__, __GNUC_MINOR__,
#endif
                     CALOTYPE_HIGHWAY, TBB_runtime_version(), FMT_VERSION / 10000, FMT_VERSION / 100 % 100,
                     FMT_VERSION % 100, CLI11_VERSION, NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                     NLOHMANN_JSON_VERSION_PATCH);
}

std::vector<Fact> facts() {
  std::string isas, folders;
  for (const Isa each : supported_isas()) isas += fmt::format("{}{}", isas.empty() ? "" : " ", name_of(each));
  for (const auto& folder : model_folders())
    folders += fmt::format("{}{}", folders.empty() ? "" : ", ", folder.lexically_normal().string());
  const std::string kilobytes = line_of("/proc/meminfo", "MemTotal");
  return {{"version", program_version()},
          {"processor", processor_name()},
          {"memory", memory_text(int64_t{1024} * std::atoll(kilobytes.c_str()))},
          {"threads", fmt::format("{}", thread_count())},
          {"instruction sets", isas},
          {"instruction set in use", name_of(isa())},
          {"built with", versions()},
          {"bundled models", folders}};
}

/// A 3x3 convolution of each level of Stable Diffusion, and the last of the decoder.
constexpr kernels::ConvShape kConvolutions[] = {
    {.batch = 2, .height = 64, .width = 64, .in = 320, .out = 320},
    {.batch = 2, .height = 16, .width = 16, .in = 1280, .out = 1280},
    {.batch = 2, .height = 8, .width = 8, .in = 1280, .out = 1280},
    {.batch = 2, .height = 64, .width = 64, .in = 4, .out = 320},
    {.batch = 1, .height = 512, .width = 512, .in = 128, .out = 3},
};

/// "first (why not), second (taken), third (not needed)"
std::string list_of(const std::vector<kernels::KernelChoice>& choices) {
  std::string text;
  bool taken = false;
  for (const auto& [name, declined] : choices) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name,
                        declined ? declined
                        : taken  ? "not needed"
                                 : "taken");
    taken = taken || !declined;
  }
  return text;
}

std::vector<Fact> kernel_facts(kernels::Precision precision) {
  std::vector<Fact> rows;
  for (const kernels::ConvShape& shape : kConvolutions) {
    const std::string what = fmt::format("3x3 {}->{} at {}x{}", shape.in, shape.out, shape.height, shape.width);
    rows.push_back({what, list_of(kernels::conv2d_choices(shape))});
    if (shape.in != shape.out) continue;
    rows.push_back({what + ", its dx", list_of(kernels::conv2d_data_gradient_choices(shape))});
    rows.push_back({what + ", its dw", list_of(kernels::conv2d_weight_gradient_choices(shape))});
  }
  kernels::Linear layer{.rows = 8192, .in = 320, .out = 1280};
  layer.precision = precision;
  rows.push_back({"linear layers", list_of(kernels::linear_choices(layer))});
  const kernels::AttentionShape heads{2, 2, 5, 4096, 4096, 64, 0.125f};
  rows.push_back({"attention", list_of(kernels::attention_choices(heads, precision))});
  return rows;
}

std::string table(const std::vector<Fact>& rows) {
  std::string text;
  for (const Fact& row : rows) text += fmt::format("{:<34}{}\n", row.key, row.value);
  return text;
}

}  // namespace

int info(Arguments arguments) {
  bool kernels = false, json = false;
  RunOptions run;
  Options options("calotype info", "Says what this program and this machine are.");
  options.add("Options", {{.name = "kernels",
                           .options = "--kernels",
                           .help = "the kernels of each op, in the order in which they are tried",
                           .value = &kernels},
                          {.name = "json", .options = "--json", .help = "as JSON", .value = &json}});
  run.add_drawing_to(options);
  if (!options.parse(arguments)) return kSuccess;
  run.apply();
  std::vector<Fact> rows = facts();
  if (kernels)
    for (Fact& fact : kernel_facts(run.products())) rows.push_back(std::move(fact));
  if (json) {
    nlohmann::ordered_json object;
    for (const Fact& row : rows) object[row.key] = row.value;
    print_result(object.dump(2) + '\n');
  } else {
    print_result(table(rows));
  }
  return kSuccess;
}

}  // namespace calotype::cli

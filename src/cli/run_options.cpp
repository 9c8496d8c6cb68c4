#include "cli/run_options.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "base/isa.h"
#include "base/parallel.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const Isa isa : supported_isas()) names.emplace_back(name_of(isa));
  return names;
}

int allowed_processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// Processors that the control group pays for; a large number where it sets no limit.
double quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double microseconds = 0, period = 0;
  return file >> microseconds >> period && period > 0 ? microseconds / period : 1e9;
}

}  // namespace

int default_threads() {
  const char* asked = std::getenv("OMP_NUM_THREADS");
  const int wanted = asked ? std::atoi(asked) : 0;
  if (wanted > 0) return std::min(wanted, 4096);
  return static_cast<int>(std::clamp(std::ceil(quota()), 1.0, static_cast<double>(allowed_processors())));
}

void RunOptions::add_to(Options& options) {
  options.add("Running", fields());
  options.add_configuration();
}

void RunOptions::add_drawing_to(Options& options) {
  std::vector<Field> all = fields();
  all.insert(
      all.begin() + 2,
      {.name = "precision",
       .options = "--precision",
       .help = "of linear layers and attention: bf16 is faster with avx512_bf16, elsewhere it is computed in f32",
       .value = &precision,
       .unset = "bf16 with avx512_bf16, else f32",
       .choices = {"f32", "bf16"}});
  options.add("Running", std::move(all));
  options.add_configuration();
}

std::vector<Field> RunOptions::fields() {
  return {
      {.name = "threads",
       .options = "-t,--threads",
       .help = "threads; the picture is the same for any number",
       .value = &threads,
       .low = 0,
       .high = 4096,
       .unset = "the processors there are"},
      {.name = "isa",
       .options = "--isa",
       .help = "instruction set",
       .value = &isa,
       .unset = "the best this processor has",
       .choices = isa_names()},
      {.name = "progress",
       .options = "--progress",
       .help = "on stderr",
       .value = &progress,
       .choices = {"auto", "bar", "plain", "json", "none"}},
      {.name = "verbose",
       .options = "-v,--verbose",
       .help = "say how the model was read, times, and peak memory",
       .value = &verbose},
      {.name = "quiet", .options = "-q,--quiet", .help = "only warnings and errors on stderr", .value = &quiet},
  };
}

kernels::Precision RunOptions::products() const {
  return kernels::in_use(precision == "f32" ? kernels::Precision::f32 : kernels::Precision::bf16);
}

void RunOptions::apply() const {
  if (!isa.empty()) {
    const auto chosen = isa_from(isa);
    std::string names;
    for (const std::string& name : isa_names()) names += (names.empty() ? "" : ", ") + name;
    require(chosen.has_value(), ErrorKind::bad_input, "isa: there is none named '{}'; this processor runs {}",
            printable(isa, 40), names);
    force_isa(*chosen);
  }
  require(precision.empty() || precision == "f32" || precision == "bf16", ErrorKind::bad_input,
          "precision: '{}' is none of f32, bf16", printable(precision, 40));
  set_thread_count(threads > 0 ? static_cast<int>(threads) : default_threads());
}

}  // namespace calotype::cli

#include "measure.h"

#include <fmt/format.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>

#include "base/isa.h"
#include "base/parallel.h"
#include "kernels/peak.h"

namespace calotype::bench {
namespace {

double seconds_of(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// What every benchmark is asked on its command line.
struct Settings {
  std::string isa, only;
  int threads = 1;
  double seconds = 0.3;  // of one measurement

  /// Reads argv, or ends the program with help or a message. The chosen instruction sets, all by default.
  std::vector<Isa> parse(int argc, char** argv, const std::string& what);
};

std::vector<Isa> Settings::parse(int argc, char** argv, const std::string& what) {
  CLI::App app(what);
  app.add_option("--isa", isa, "one instruction set instead of all but scalar");
  app.add_option("--only", only, "only shapes whose name contains this");
  app.add_option("--threads", threads, "threads; 0 for all processors")->capture_default_str();
  app.add_option("--seconds", seconds, "length of one measurement")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  set_thread_count(threads);
  std::vector<Isa> all;
  for (const Isa choice : supported_isas())
    if (isa.empty() ? choice != Isa::scalar : isa == name_of(choice)) all.push_back(choice);
  return all;
}

/// Lines of shapes/NAME.txt: fields between semicolons, words within.
std::vector<std::vector<std::string>> shapes(const std::string& name) {
  std::ifstream file(std::string(CALOTYPE_BENCH_SHAPES) + "/" + name + ".txt");
  std::vector<std::vector<std::string>> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::vector<std::string> fields;
    std::stringstream stream(line);
    for (std::string field; std::getline(stream, field, ';');) fields.push_back(field);
    lines.push_back(fields);
  }
  return lines;
}

}  // namespace

int run_shapes(int argc, char** argv, const std::string& what, const std::string& name, const std::string& heading,
               const RunShape& run) {
  Settings settings;
  const std::vector<Isa> chosen = settings.parse(argc, argv, what);
  if (chosen.empty()) {
    fmt::print(stderr, "isa: this machine has none named '{}'\n", settings.isa);
    return 2;
  }
  for (const Isa isa : chosen) {
    force_isa(isa);
    fmt::print("{}: GFLOP/s a core, share of the peak, error{}\n", name_of(isa), heading);
    for (const auto& fields : shapes(name))
      if (fields[0].find(settings.only) != std::string::npos) run(fields, settings.seconds);
  }
  return 0;
}

Rate measure(double seconds, double operations, const std::function<void()>& work, kernels::Precision precision) {
  constexpr double kPeakMs = 4;
  work();
  double best = std::numeric_limits<double>::infinity(), wall = best, peak = kernels::peak_gflops(kPeakMs, precision);
  const double begin = seconds_of(CLOCK_MONOTONIC);
  for (int run = 0; run < 5 || seconds_of(CLOCK_MONOTONIC) - begin < seconds; ++run) {
    const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), from = seconds_of(CLOCK_MONOTONIC);
    work();
    wall = std::min(wall, seconds_of(CLOCK_MONOTONIC) - from);
    best = std::min(best, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    if (run % 4 == 0) peak = std::max(peak, kernels::peak_gflops(kPeakMs, precision));
  }
  const double gflops = operations / best * 1e-9;
  return {gflops, gflops / peak, wall * 1e3};
}

std::vector<float> random_floats(int64_t count, uint32_t seed, float scale) {
  std::minstd_rand engine(seed);
  std::vector<float> values(count);
  for (float& v : values) v = (static_cast<float>(engine()) * 0x1p-30f - 1) * scale;
  return values;
}

void Sampled::add(double found, double expected) {
  error_ += (found - expected) * (found - expected);
  size_ += expected * expected;
}

double Sampled::error() const {
  return size_ > 0 ? std::sqrt(error_ / size_) : 0;
}

std::string column(const Rate& rate, double error) {
  return fmt::format("{:8.1f} {:4.0f}% {:7.1e}", rate.gflops, 100 * rate.share, error);
}

}  // namespace calotype::bench

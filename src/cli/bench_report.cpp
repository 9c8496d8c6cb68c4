#include "cli/bench_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/isa.h"
#include "base/parallel.h"
#include "cli/display.h"
#include "cli/machine.h"

namespace calotype::cli {
namespace {

using nlohmann::ordered_json;

/// What one row is compared with. All are none where the row has no arithmetic to speak of.
struct Shares {
  std::optional<double> limit_seconds, of_limit, of_bf16_limit;
};

Shares shares_of(const BenchRow& row, const BenchPeaks& peaks) {
  if (row.gflop == 0) return {};
  const double seconds = row.cpu_seconds / thread_count(), limit = row.gflop / peaks.f32_gflops;
  Shares shares{.limit_seconds = limit, .of_limit = seconds / limit, .of_bf16_limit = {}};
  if (row.precision == Precision::bf16) shares.of_bf16_limit = seconds / (row.gflop / peaks.bf16_gflops);
  return shares;
}

ordered_json number(const std::optional<double>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

}  // namespace

std::string bench_json(const std::vector<BenchRow>& rows, const BenchPeaks& peaks) {
  ordered_json list = ordered_json::array();
  for (const BenchRow& row : rows) {
    const Shares shares = shares_of(row, peaks);
    list.push_back({{"name", row.name},
                    {"precision", name_of(row.precision)},
                    {"seconds", row.seconds},
                    {"cpu_seconds", row.cpu_seconds},
                    {"gflop", row.gflop},
                    {"limit_seconds", number(shares.limit_seconds)},
                    {"share_of_limit", number(shares.of_limit)},
                    {"share_of_bf16_limit", number(shares.of_bf16_limit)}});
  }
  const ordered_json machine{
      {"cpu", processor_name()},
      {"isa", name_of(isa())},
      {"threads", thread_count()},
      {"f32_peak_gflops", peaks.f32_gflops},
      {"bf16_peak_gflops", number(peaks.bf16_gflops > 0 ? std::optional(peaks.bf16_gflops) : std::nullopt)}};
  return ordered_json{
             {"machine", machine}, {"peak_rss_mib", static_cast<double>(peak_memory()) / (1 << 20)}, {"rows", list}}
             .dump(2) +
         '\n';
}

std::string bench_table(const std::vector<BenchRow>& rows, const BenchPeaks& peaks) {
  const auto cell = [](const std::optional<double>& value, int decimals) {
    return value ? fmt::format("{:.{}f}", *value, decimals) : std::string("-");
  };
  std::string text = fmt::format("{}, {}, {} threads; peak {:.0f} GFLOP/s in f32", processor_name(), name_of(isa()),
                                 thread_count(), peaks.f32_gflops);
  if (peaks.bf16_gflops > 0) text += fmt::format(", {:.0f} in bf16", peaks.bf16_gflops);
  text += fmt::format("\n\n{:<17}{:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "row", "precision", "seconds", "cpu s",
                      "GFLOP", "limit s", "share", "of bf16");
  for (const BenchRow& row : rows) {
    const Shares shares = shares_of(row, peaks);
    text += fmt::format("{:<17}{:<10}{:>9.3f}{:>9.3f}{:>9.1f}{:>9}{:>9}{:>9}\n", row.name, name_of(row.precision),
                        row.seconds, row.cpu_seconds, row.gflop, cell(shares.limit_seconds, 3),
                        cell(shares.of_limit, 3), cell(shares.of_bf16_limit, 3));
  }
  return text + fmt::format(
                    "\nlimit: direct arithmetic at the peak of all threads; share: CPU time of a thread over "
                    "it. Peak memory {}.\n",
                    memory_text(peak_memory()));
}

}  // namespace calotype::cli

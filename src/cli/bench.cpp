#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/output_file.h"
#include "cli/bench_report.h"
#include "cli/commands.h"
#include "cli/display.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/run_options.h"
#include "io/printable.h"

namespace calotype::cli {
namespace {

std::vector<std::string> rows_of(const std::string& size, const std::string& only) {
  const std::vector<std::string>& all = bench_row_names();
  if (!only.empty()) {
    const std::vector<std::string> near = nearest(only, all, 1);
    require(std::ranges::find(all, only) != all.end(), ErrorKind::bad_input, "only: there is no row '{}'{}",
            printable(only, 40),
            near.empty() ? fmt::format("; there are {}", fmt::join(all, ", ")) : "; did you mean " + near[0] + "?");
    return {only};
  }
  if (size == "512") return {"load", "text_2", "unet_step_64", "vae_decode_512", "vae_encode_512"};
  if (size == "768") return {"load", "text_2", "unet_step_96"};
  require(size.empty(), ErrorKind::bad_input, "size: '{}' is none of 512, 768", printable(size, 40));
  return all;
}

}  // namespace

int bench(Arguments arguments) {
  std::string size, only, json;
  BenchRequest request;
  RunOptions run;
  Options options("calotype bench",
                  "Measures opening a model, its networks at real size and a training step, beside what the processor "
                  "could do at most. Needs no model: weights are made up, 2.6 GB in a temporary file ($TMPDIR).");
  options.add("What to measure",
              {{.name = "size",
                .options = "--size",
                .help = "what a picture of this size takes, instead of all rows",
                .value = &size,
                .unset = "all rows",
                .choices = {"512", "768"}},
               {.name = "only", .options = "--only", .help = "one row", .value = &only, .choices = bench_row_names()},
               {.name = "steps",
                .options = "--steps",
                .help = "repetitions of a UNet step; the best counts, the first only when alone",
                .value = &request.steps,
                .low = 1,
                .high = 1000},
               {.name = "json", .options = "--json", .help = "a file for the results", .value = &json}});
  run.add_drawing_to(options);
  if (!options.parse(arguments)) return kSuccess;
  run.apply();
  request.rows = rows_of(size, only);
  request.precision = run.products();
  std::optional<OutputFile> file;
  if (!json.empty()) file.emplace(json);  // a name that cannot be written shows before the work
  Display display(run.quiet ? DisplayStyle::none : display_style(run.progress));
  BenchPeaks peaks;
  const std::vector<BenchRow> rows =
      run_bench({}, request, peaks, [&](const std::string& phase) { display.phase(phase); });
  display.clear();
  if (file) {
    file->write(bench_json(rows, peaks));
    file->commit();
  }
  print_result(bench_table(rows, peaks));
  return kSuccess;
}

}  // namespace calotype::cli

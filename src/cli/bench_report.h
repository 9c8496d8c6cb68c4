#pragma once

#include <string>
#include <vector>

#include "cli/bench_rows.h"

namespace calotype::cli {

/// Rows with their shares of the processor's limits: JSON as docs/performance.md describes it, and a table.
std::string bench_json(const std::vector<BenchRow>& rows, const BenchPeaks& peaks);
std::string bench_table(const std::vector<BenchRow>& rows, const BenchPeaks& peaks);

}  // namespace calotype::cli

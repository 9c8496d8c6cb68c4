#pragma once

#include <string>

#include "cli/options.h"

namespace calotype::cli {

/// What every command that works for a while takes.
struct RunOptions {
  int64_t threads = 0;  // 0: as the system allows
  std::string isa;      // empty: the best there is
  std::string progress = "auto";
  bool verbose = false, quiet = false;

  void add_to(Options& options);
  /// Sets threads and instruction set. Throws `bad_input`.
  void apply() const;
};

/// The number of threads where nobody asks for one: OMP_NUM_THREADS, else processors that this process may use, within
/// the quota of its control group.
int default_threads();

}  // namespace calotype::cli

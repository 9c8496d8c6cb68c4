#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "kernels/linear.h"

namespace calotype::cli {

/// What every command that works for a while takes.
struct RunOptions {
  int64_t threads = 0;    // 0: as the system allows
  std::string isa;        // empty: the best there is
  std::string precision;  // empty: what suits the instruction set
  std::string progress = "auto";
  bool verbose = false, quiet = false;

  void add_to(Options& options);
  /// The same for a command that draws: products may be in half precision.
  void add_drawing_to(Options& options);
  /// Sets threads and instruction set. Throws `bad_input`.
  void apply() const;
  /// What products of a drawing are to be made in. Ask after `apply`.
  kernels::Precision products() const;

 private:
  std::vector<Field> fields();
};

/// The number of threads where nobody asks for one: OMP_NUM_THREADS, else processors that this process may use, within
/// the quota of its control group.
int default_threads();

}  // namespace calotype::cli

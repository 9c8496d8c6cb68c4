#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/run_options.h"
#include "load/converted.h"

namespace calotype::cli {

/// What the commands that write models have in common.
struct ConvertingOptions {
  std::string models_dir, output, type, rules, prediction, license;
  RunOptions run;

  void add_to(Options& options);
  /// Types and words as they were given. Throws `bad_input`.
  TypeChoice types() const;
  ModelWords words() const;
  /// Runs `write`, which is given what to call before each tensor, and tells what came of it.
  void write_with(const std::function<WrittenModel(const std::function<void(int64_t, int64_t)>&)>& write,
                  const char* kept) const;
};

}  // namespace calotype::cli

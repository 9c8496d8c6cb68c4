#pragma once

#include <functional>
#include <string>

#include "diffusion/sampler.h"
#include "models/tap.h"

namespace calotype {

/// Who watches a picture come about: progress bars, previews, tests. Everything may be left empty; to stop, throw
/// `cancelled` from any of them.
struct Watcher {
  std::function<void(const char* phase)> on_phase = {};  ///< "text", "encode", "depth", "sample", "decode" begin
  std::function<void(const Progress&)> on_step = {};     ///< after the first call of each step
  std::function<void(const Tensor& x, const Level& at)> on_call =
      {};                                                        ///< before each call of the network, x as at `at`
  std::function<void(const std::string& line)> on_warning = {};  ///< what the user should know, one line
  Tap tap = {};  ///< sees `context`, each `net_input` and `net_output` (guidance halves as in the context), `decoded`

  void phase(const char* name) const {
    if (on_phase) on_phase(name);
  }
  void call(const Tensor& x, const Level& at) const {
    if (on_call) on_call(x, at);
  }
  void warn(const std::string& line) const {
    if (on_warning && !line.empty()) on_warning(line);
  }
};

}  // namespace calotype

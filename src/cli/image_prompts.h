#pragma once

#include <string>
#include <vector>

#include "cli/files_apart.h"
#include "cli/options.h"
#include "pipeline/image_variations.h"

namespace calotype::cli {

/// What `txt2img` takes beside text: pictures that show what is meant, for models that can be shown some.
struct ImagePromptOptions {
  std::vector<std::string> asked;  // FILE or FILE:WEIGHT
  int64_t noise_level = 0;

  void add_to(Options& options);
  bool given() const { return !asked.empty(); }
  std::vector<NamedFile> files() const;
  /// Throws as `read_image` does, and `bad_input` for a weight that is no number.
  std::vector<ImagePrompt> read() const;
};

}  // namespace calotype::cli

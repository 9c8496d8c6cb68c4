#pragma once

#include <optional>
#include <string>

#include "cli/display.h"
#include "cli/options.h"
#include "cli/terminal_picture.h"
#include "diffusion/sampler.h"
#include "pipeline/preview.h"

namespace calotype::cli {

struct PreviewOptions {
  std::string kind = "none", path = "preview.png";
  int64_t interval = 1;

  void add_to(Options& options);
};

/// Shows what the picture is going to be while it is drawn.
class Previewer {
 public:
  /// Throws `bad_input` for an unknown kind.
  Previewer(const PreviewOptions& options, const Vae& vae);
  /// After a call of the network: perhaps shows its guess.
  void show(const Progress& at, Display& display);
  /// The next picture is another one.
  void restart() { shown_ = false; }

 private:
  PreviewOptions options_;
  PictureProtocol protocol_ = PictureProtocol::none;
  std::optional<Preview> preview_;
  int scale_ = 1;
  bool shown_ = false;
};

}  // namespace calotype::cli

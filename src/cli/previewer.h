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
  bool to_file() const { return kind != "none" && kind != "terminal"; }
  /// Makes sure that the file can be written, where there is to be one. Throws `bad_input`, `cannot_write`.
  void check_path() const;
};

/// Shows what the picture is going to be while it is drawn.
class Previewer {
 public:
  /// Throws `bad_input` for an unknown kind. The autoencoder must outlive it.
  Previewer(const PreviewOptions& options, const Vae& vae);
  /// After a call of the network: perhaps shows its guess.
  void show(const Progress& at, Display& display);
  /// The next picture is another one.
  void restart() { shown_ = false; }

 private:
  PreviewOptions options_;
  PictureProtocol protocol_ = PictureProtocol::none;
  const Vae* vae_;
  std::optional<Preview> preview_;
  int scale_ = 1;
  bool shows_ = false, shown_ = false;
};

}  // namespace calotype::cli

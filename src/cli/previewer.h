#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/display.h"
#include "cli/options.h"
#include "cli/terminal_picture.h"
#include "diffusion/sampler.h"
#include "models/taesd.h"
#include "pipeline/preview.h"

namespace calotype::cli {

struct PreviewOptions {
  std::string kind = "none", path = "preview.png", taesd;
  int64_t interval = 1;

  void add_to(Options& options);
  bool to_file() const { return kind != "none" && kind != "terminal"; }
  /// Makes sure that the options go together, and that the file can be written, where there is to be one. Throws
  /// `bad_input`, `cannot_write`.
  void check() const;
};

/// Shows what the picture is going to be while it is drawn.
class Previewer {
 public:
  /// Throws `bad_input` for an unknown kind, `bad_file` for a small decoder that does not fit the autoencoder, which
  /// must outlive it.
  Previewer(const PreviewOptions& options, const Vae& vae);
  /// After a call of the network: perhaps shows its guess.
  void show(const Progress& at, Display& display);
  /// The next picture is another one.
  void restart() { shown_ = false; }

 private:
  Image picture_of(const Tensor& latents) const;

  PreviewOptions options_;
  PictureProtocol protocol_ = PictureProtocol::none;
  const Vae* vae_;
  std::optional<Preview> preview_;
  std::unique_ptr<TinyDecoder> small_;
  int scale_ = 1;
  bool shows_ = false, shown_ = false;
};

}  // namespace calotype::cli

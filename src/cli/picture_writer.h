#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/output_names.h"
#include "io/encode.h"
#include "tensor/tensor.h"

namespace calotype::cli {

/// Where a run's pictures go.
struct OutputOptions {
  std::string output = "output.png";
  std::string sheet, save_latent;  // empty: none
  std::string format;              // png, jpeg, webp; empty: the ending of `output` says it, else PNG
  int64_t quality = 90;            // of JPEG and WebP: 1 to 100
  bool lossless = false;           // of WebP
  bool no_metadata = false, no_provenance = false;
  /// What the mark says that its pictures are; a command's own business, not an option.
  SourceType source = SourceType::trained_algorithmic_media;

  /// What says which kind of files are written, and how. Throws `bad_input` where name and format contradict.
  PictureFormat picture_format() const;
  void add_format_to(Options& options);
};

/// Writes pictures and latents one by one under their names, prints the path of each, and puts all on one sheet at the
/// end. Throws `cannot_write`; what was finished before stays.
class PictureWriter {
 public:
  /// Makes sure that all of it can be written, before any work is done.
  PictureWriter(const OutputOptions& options, int64_t count);

  /// Where the picture went: a path, or "standard output". In a folder it is named by `stem`, unless that is empty.
  std::string write(const Image& image, const std::string& parameters, const std::string& stem = "");
  /// Latents [1, h, w, C] of the next picture, scaled.
  void write_latent(const Tensor& latent, double scale_factor, const std::string& parameters);
  void finish();

 private:
  std::vector<std::byte> encoded(const Image& image, const std::string& parameters) const;

  OutputOptions options_;
  PictureFormat format_;
  OutputNames names_;
  std::optional<OutputNames> latent_names_;
  int64_t written_ = 0, latents_ = 0;
  std::vector<Image> for_sheet_;
};

}  // namespace calotype::cli

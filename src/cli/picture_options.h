#pragma once

#include <string>
#include <vector>

#include "cli/files_apart.h"
#include "cli/options.h"
#include "io/image.h"

namespace calotype::cli {

/// The pictures that a command reads.
struct PictureOptions {
  std::vector<std::string> asked;
  int64_t max_pixels = ImageLimits{}.max_pixels;

  void add_to(Options& options);
  /// What `asked` names: files, the pictures in folders in the order of their names, "-" for stdin. Throws `bad_file`
  /// for a folder without any.
  std::vector<std::string> paths() const;
  /// The pictures of `paths` that are files, for `require_apart`. They must outlive the result.
  std::vector<NamedFile> files(const std::vector<std::string>& paths) const;
  /// A picture that was asked for. Throws as `read_image` does.
  Image read(const std::string& path) const;
  ImageLimits limits() const { return {.max_pixels = max_pixels}; }
};

/// How outputs made from this file are named in a folder: its name without folder and ending.
std::string stem_of(const std::string& path);

}  // namespace calotype::cli

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/drawing_options.h"
#include "cli/files_apart.h"
#include "pipeline/request.h"

namespace calotype::cli {

/// Pictures of one request, to be drawn a few at a time.
struct Wish {
  int64_t count = 1;
  /// The request for `count` of them from `first` on, as this model will draw it.
  std::function<Settled(const StableDiffusion& model, int64_t first, int64_t count)> settle;
  std::string stem = {};  // in a folder the pictures are named by it; empty: numbered
};

/// Files that only one command reads and writes.
struct MoreFiles {
  std::vector<NamedFile> inputs = {}, outputs = {};
};

/// Says something of the settled requests before the first is drawn; of each `counts[i]` pictures are drawn.
using Announce = std::function<void(const StableDiffusion& model, const std::vector<Settled>& runs,
                                    const std::vector<int64_t>& counts, Display& display)>;

/// Some pictures of one request: those from `first` on.
TextToImage part_of(const TextToImage& request, int64_t first, int64_t count);

/// What a command does once its options are read: opens the model, settles all wishes so that what is wrong shows
/// before anything is drawn, draws them and writes each picture as soon as it is done. `wishes` is called once the
/// files are known to be apart.
/// `announce` may say something of the settled requests before the first is drawn.
void draw_wishes(const DrawingOptions& options, const MoreFiles& more, const std::function<std::vector<Wish>()>& wishes,
                 const Announce& announce = {});

/// Decodes the file of latents that the options name, and draws nothing.
void decode_latents(const DrawingOptions& options, const std::string& recipe);

}  // namespace calotype::cli

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
};

/// Some pictures of one request: those from `first` on.
TextToImage part_of(const TextToImage& request, int64_t first, int64_t count);

/// What a command does once its options are read: opens the model, settles all wishes so that what is wrong shows
/// before anything is drawn, draws them and writes each picture as soon as it is done. `wishes` is called once the
/// files are known to be apart; `inputs` are those that only this command reads.
void draw_wishes(const DrawingOptions& options, const std::vector<NamedFile>& inputs,
                 const std::function<std::vector<Wish>()>& wishes);

/// Decodes the file of latents that the options name, and draws nothing.
void decode_latents(const DrawingOptions& options, const std::string& recipe);

}  // namespace calotype::cli

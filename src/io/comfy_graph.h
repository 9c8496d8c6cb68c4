#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "io/infotext.h"

namespace calotype {

/// What ComfyUI's executed graph (`prompt`: node id -> class and inputs) says of how a picture was drawn, in the
/// graph's own words.
struct ComfyRun {
  std::optional<uint64_t> seed;
  std::optional<int64_t> steps, width, height;
  std::optional<double> guidance, denoise;
  std::string sampler, scheduler, positive, negative, model;  // UTF-8; the model is a file's name
};

/// Finds the first node that samples and follows its links. Nothing where the text is no such graph, or none of its
/// nodes samples. Throws nothing; takes time linear in the text.
std::optional<ComfyRun> read_comfy_graph(std::string_view text);

/// The same as the settings of other programs, for whoever reads those.
Infotext as_infotext(const ComfyRun& run);

}  // namespace calotype

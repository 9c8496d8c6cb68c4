#pragma once

#include "check/reference.h"
#include "io/settings.h"

namespace calotype::checker {

/// A whole model in the words of reference data of pipelines: `unet`, `vae`, `text_openclip` or `text_clipl`, and what
/// only some have: `depth`, `image`, `low_scale`. Throws `bad_file` where a word is missing.
ModelDescription model_description(const json& words);

/// Whether the text tower is SD 1's.
bool has_clip_l(const json& words);

}  // namespace calotype::checker

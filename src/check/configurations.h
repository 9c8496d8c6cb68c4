#pragma once

#include "base/model_config.h"
#include "check/reference.h"
#include "io/key_map.h"

namespace calotype::checker {

// Configurations in the words of reference data, which are those of the original yaml files: heads are `num_heads`
// where it is set, else channels / `num_head_channels`; `groups` (32) and what else is our own word may be absent. All
// throw `bad_file` where a word is missing, and `unsupported` where a value has no network here.
UNetConfig unet_config(const json& words);
VaeConfig vae_config(const json& words);
/// A text tower in open_clip's words; `activation` may stand beside `words`.
TextConfig open_clip_config(const json& words, const std::string& activation);
/// A text tower in transformers' words, as SD 1 has it: all blocks run.
TextConfig clip_l_config(const json& words);
ImageTowerConfig image_config(const json& words, const std::string& activation);
DepthConfig depth_config(const json& words);
TinyVaeConfig tiny_vae_config(const json& words);

/// The rows of a map that lie below `ours`, with that cut off, and with the names of the original's block cut off:
/// the map of one block by itself. `sample` is one of its weights, `sample_original` the name of it inside the block.
KeyMap block_keys(const KeyMap& whole, const std::string& ours, const std::string& sample,
                  const std::string& sample_original);

}  // namespace calotype::checker

#pragma once

#include <string_view>
#include <vector>

#include "load/converted.h"

namespace calotype {

// What conversion and merging share.

/// What single files hold beside the three networks, and keep.
inline constexpr std::string_view kOthers[] = {"depth_model.", "embedder.", "low_scale_model.", "noise_augmentor."};

inline bool in_blocks(StoredType type) {
  return block_length(type) > 1;
}

/// How many values of a tensor are no numbers.
int64_t count_in(const RelaidTensor& tensor);

/// A part in the target's layout, and the whole name of each tensor as single files have it.
struct Relaid {
  std::vector<RelaidTensor> tensors;
  std::vector<std::string> originals;
};

/// SD 1's text tower has transformers' names in single files too.
bool is_clip_l(const ModelFiles& model);

Relaid relaid_for(const ModelFiles& model, PartKind part, Target target, Averages averages);

}  // namespace calotype

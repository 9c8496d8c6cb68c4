#pragma once

#include <vector>

#include "train/dataset.h"

namespace calotype {

/// All pictures of a folder at one size, in memory.
std::vector<Image> load_pictures(const Dataset& data, int size);

/// Pictures as a batch [B, size, size, 3] in [-1, 1].
Tensor picture_batch(std::span<const Image* const> pictures);

/// The same, standardised as CLIP's image towers want them.
Tensor clip_batch(std::span<const Image* const> pictures);

/// Ids of captions, framed to `tokens` a caption, one after another.
std::vector<int32_t> caption_ids(std::span<const std::string> captions, int64_t tokens);

}  // namespace calotype

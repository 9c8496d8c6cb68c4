#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/clip.h"
#include "models/vae.h"
#include "train/dataset.h"
#include "train/run.h"

namespace calotype {

/// Everything frozen, computed once: the scaled latents of a folder's pictures, and the contexts of its captions.
class LatentCache {
 public:
  /// Pictures are encoded at size x size; the mean of the posterior is kept.
  LatentCache(const Dataset& data, const Vae& vae, const TextEncoder& text, int size, const TrainWatcher& watcher);

  /// [B, h, w, C]
  Tensor latents(std::span<const size_t> indices) const;
  /// [B, 77, width]; an index of `kNoCaption` gives the context of the empty caption.
  Tensor contexts(std::span<const size_t> indices) const;
  static constexpr size_t kNoCaption = SIZE_MAX;

 private:
  Shape latent_, context_;  // of one picture
  std::vector<float> latents_;
  std::vector<Float16> contexts_;   // one a distinct caption, the empty one first
  std::vector<size_t> caption_of_;  // of each picture
};

}  // namespace calotype

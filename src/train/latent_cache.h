#pragma once

#include <filesystem>
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
  /// Pictures are encoded at size x size; the mean of the posterior is kept. All of it is written to `file`, and read
  /// from there by the next run that comes with the same `fingerprint` of what went in.
  LatentCache(const Dataset& data, const Vae& vae, const TextEncoder& text, int size, const TrainWatcher& watcher,
              const std::filesystem::path& file, const std::string& fingerprint);

  /// [B, h, w, C]
  Tensor latents(std::span<const size_t> indices) const;
  /// [B, 77, width]; an index of `kNoCaption` gives the context of the empty caption.
  Tensor contexts(std::span<const size_t> indices) const;
  static constexpr size_t kNoCaption = SIZE_MAX;

 private:
  void encode(const Dataset& data, const Vae& vae, const TextEncoder& text, std::span<const std::string> captions,
              int size, const TrainWatcher& watcher);
  bool read(const std::filesystem::path& file, const std::string& fingerprint, size_t captions);
  void write(const std::filesystem::path& file, const std::string& fingerprint) const;

  Shape latent_, context_;  // of one picture
  std::vector<float> latents_;
  std::vector<Float16> contexts_;   // one a distinct caption, the empty one first
  std::vector<size_t> caption_of_;  // of each picture
};

}  // namespace calotype

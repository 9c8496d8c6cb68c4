#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// The first principal components of patches of pictures, scaled so that each has unit variance: what a linear
/// autoencoder of the same compression would send. Used to start an encoder in the right colours, and as the yardstick
/// it must beat.
struct PatchPca {
  int64_t patch = 8, channels = 4;
  std::vector<double> mean;        // [patch * patch * 3]
  std::vector<double> components;  // [channels, patch * patch * 3], unit length, greatest variance first
  std::vector<double> deviations;  // [channels]

  /// Pictures [B, H, W, 3] -> their whitened code [B, H / patch, W / patch, channels].
  Tensor code(const Tensor& images) const;
  /// What the code keeps of the pictures: [B, H, W, 3].
  Tensor reconstruct(const Tensor& images) const;
};

/// Fits the components to all patches of pictures [B, H, W, 3], sides multiples of the patch.
PatchPca fit_patch_pca(const Tensor& images, int64_t patch, int64_t channels);

}  // namespace calotype

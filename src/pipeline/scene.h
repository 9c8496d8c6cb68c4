#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "diffusion/noise.h"
#include "pipeline/watcher.h"
#include "tensor/tensor.h"

namespace calotype {

/// What a drawing begins with, and what the network sees beside text and latents. A first axis of 1 stands for all
/// pictures.
struct Scene {
  Tensor noise;        // [B, h, w, C], of unit variance: what the drawing begins with
  Tensor clean = {};   // [B or 1, h, w, C], scaled: the picture that the noise is laid on; none: noise alone
  Tensor beside = {};  // [B or 1, h, w, k]: more channels of the network's input, as they are
  std::vector<int32_t> levels = {};  // the class of each picture, or of all, for a network that takes one
  /// [B or 1, h, w, 1]: 1 where something is drawn; elsewhere `kept` comes back after every step.
  Tensor mask = {};
  Tensor kept = {};  // [B or 1, h, w, C], scaled
};

/// Makes the scene of some pictures. It draws from `noise`, whose order decides which picture comes out.
using Prepare = std::function<Scene(Noise& noise, const Watcher& watcher)>;

}  // namespace calotype

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "diffusion/noise.h"
#include "pipeline/watcher.h"
#include "tensor/tensor.h"

namespace calotype {

struct Settled;
struct StableDiffusion;

/// What a drawing begins with, and what the network sees beside text and latents. A first axis of less than the
/// pictures repeats over them: picture b has entry b mod n.
struct Scene {
  Tensor noise;                      // [B, h, w, C], of unit variance: what the drawing begins with
  Tensor clean = {};                 // [n, h, w, C], scaled: the picture that the noise is laid on; none: noise alone
  Tensor beside = {};                // [n, h, w, k]: more channels of the network's input, as they are
  std::vector<int32_t> levels = {};  // the class of each picture, or of all, for a network that takes one
  Tensor vector = {};  // [n, width]: what a network is told that takes a vector; zeros for what is unwanted
  /// [n, h, w, 1]: 1 where something is drawn; elsewhere `kept` comes back after every step.
  Tensor mask = {};
  Tensor kept = {};  // [n, h, w, C], scaled
};

/// Makes the scene of some pictures. It draws from `noise`, whose order decides which picture comes out.
using Prepare =
    std::function<Scene(const StableDiffusion& model, const Settled& run, Noise& noise, const Watcher& watcher)>;

}  // namespace calotype

#pragma once

#include <functional>
#include <vector>

#include "io/resample.h"
#include "pipeline/masking.h"

namespace calotype {

/// A picture drawn over with its depth kept, or drawn from a depth map alone, by a model that is shown the depth.
struct DepthToImage {
  TextToImage text = {};              // width and height 0: the size of the picture, or else of the depth map
  std::vector<Image> pictures = {};   // one for all, or picture b begins with pictures[b mod n]; none: noise alone
  std::vector<FloatMap> depths = {};  // likewise; near is greater; none: the model's own depth network looks
  bool depth_invert = false;          // near is less
  Masking masking = {};               // of one picture; the mask may be left out
  double strength = 0.8;              // 0 .. 1: how much of the picture is replaced
  bool full_size = false;
  std::function<void(const FloatMap&)> on_depth = {};  // is shown each map, before anything is done to it
};

std::vector<Field> fields(DepthToImage& request);

Settled settle(const StableDiffusion& model, const DepthToImage& asked);

}  // namespace calotype

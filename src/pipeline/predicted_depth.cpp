#include "pipeline/predicted_depth.h"

#include "pipeline/depth.h"
#include "pipeline/picture_input.h"

namespace calotype {
namespace {

FloatMap map_of(const Tensor& depth) {
  const auto values = depth.view<float>();
  return {static_cast<int>(depth.dim(2)), static_cast<int>(depth.dim(1)), {values.begin(), values.end()}};
}

}  // namespace

FloatMap predicted_depth(const StableDiffusion& model, const Image& picture) {
  const NoGrad inference;
  const DepthNet& net = depth_net_of(model);
  const int side = static_cast<int>(net.config.trained_size);
  const Resampling filter = model.depth_bicubic ? Resampling::bicubic : Resampling::bilinear;
  return map_of(net(depth_input_square(picture, side, filter)));
}

FloatMap depth_of_picture(const DepthNet& net, const Image& picture) {
  const NoGrad inference;
  const FloatMap map = map_of(net(depth_input(picture, static_cast<int>(net.config.trained_size))));
  return resampled_depth(map, picture.width, picture.height);
}

}  // namespace calotype

#include "pipeline/predicted_depth.h"

#include "base/error.h"

namespace calotype {

void require_depth_network(const StableDiffusion& model) {
  fail(ErrorKind::unsupported, "{}: its depth network is not read; give a depth map by --depth FILE", model.name);
}

FloatMap predicted_depth(const StableDiffusion& model, const Image&) {
  require_depth_network(model);
  return {};
}

}  // namespace calotype

#include "pipeline/text_to_image.h"

namespace calotype {

Drawing text_to_image(const StableDiffusion& model, const TextToImage& request, const Watcher& watcher) {
  return draw(model, settle(model, request), watcher);
}

}  // namespace calotype

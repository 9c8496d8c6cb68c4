#include "pipeline/latents.h"

#include "ops/combine.h"
#include "ops/structure.h"

namespace calotype {

Latent to_latent_file(const Tensor& latents, double scale_factor) {
  const Tensor stored = channels_first(combine({{1 / scale_factor, latents}}));
  const auto values = stored.view<float>();
  return {.batch = stored.dim(0),
          .channels = stored.dim(1),
          .height = stored.dim(2),
          .width = stored.dim(3),
          .values = {values.begin(), values.end()},
          .metadata = {}};
}

Tensor from_latent_file(const Latent& latent, double scale_factor, int64_t channels,
                        const std::filesystem::path& path) {
  require(latent.channels == channels, ErrorKind::bad_file, "{}: latents of {} channels; this model's have {}",
          path.string(), latent.channels, channels);
  const Tensor stored =
      Tensor::from(std::span(latent.values), Shape{latent.batch, latent.channels, latent.height, latent.width});
  return combine({{scale_factor, channels_last(stored)}});
}

}  // namespace calotype

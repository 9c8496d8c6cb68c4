#pragma once

#include <vector>

#include "io/image.h"
#include "models/taesd.h"
#include "models/vae.h"

namespace calotype {

/// Latents as rough pictures, a pixel a cell: a linear map from channels to RGB, fitted by least squares to latents
/// that the model's own autoencoder decodes. Making one costs a decoding of 16 by 16 cells; using one, nothing.
class Preview {
 public:
  explicit Preview(const Vae& vae);
  /// The first picture of scaled latents [B, h, w, C].
  Image operator()(const Tensor& latents) const;

 private:
  int64_t channels_;
  std::vector<double> map_;  // [C + 1, 3]: channels, then a constant
};

/// What the autoencoder makes of the first of scaled latents [B, h, w, C]: a guess in full, at the price of decoding.
Image decoded_guess(const Vae& vae, const Tensor& latents);

/// What a small decoder makes of it, in a moment.
Image decoded_guess(const TinyDecoder& decoder, const Tensor& latents);

/// Each pixel `factor` by `factor` times.
Image enlarged(const Image& image, int factor);

}  // namespace calotype

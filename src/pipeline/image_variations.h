#pragma once

#include <vector>

#include "pipeline/request.h"

namespace calotype {

/// A picture in the place of words, and how much it counts beside the others.
struct ImagePrompt {
  Image picture;  // RGB
  double weight = 1;
};

/// Pictures drawn after what others show (unCLIP): their embeddings, with noise on them, join the text.
struct ImageVariations {
  TextToImage text;
  std::vector<ImagePrompt> pictures;
  int64_t noise_level = 0;  // 0 .. the last step of the schedule: the more, the freer
};

/// The fields that come beside those of the text.
std::vector<Field> image_prompt_fields(int64_t& noise_level);

/// Throws as `settle` does for text alone, and where the model has no image tower.
Settled settle(const StableDiffusion& model, const ImageVariations& asked);

/// The mean of the pictures' embeddings by their weights, not normalised. [1, width]
Tensor image_embedding(const ImageConditioning& image, const std::vector<ImagePrompt>& pictures);

/// What the network is told: the embeddings [n, width] with noise of that shape laid on them, standardised meanwhile,
/// and behind them the waves of the noise level. Noise is laid on at level 0 too, a little. [n, 2 width]
Tensor class_vectors(const ImageConditioning& image, const Tensor& embeddings, const Tensor& noise,
                     int64_t noise_level);

}  // namespace calotype

#pragma once

namespace calotype {

/// What a denoising network's output means: the noise, the velocity signal * noise - noise_share * clean of
/// variance-preserving coordinates (Salimans and Ho 2022), or the clean latent. Files and reference data name them so.
enum class Prediction { epsilon, v_prediction, sample };

}  // namespace calotype

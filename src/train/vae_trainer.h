#pragma once

#include "train/run.h"

namespace calotype {

/// Trains an autoencoder on a folder of pictures, as `docs/training.md` describes. Settings beside the common ones:
/// data, held_out, batch, crop, ch, groups, kl, pca_steps. Writes `vae.safetensors` in the original layout, its latents
/// whitened, with its configuration in `vae.yaml`.
void train_vae(Settings& settings, const TrainWatcher& watcher);

}  // namespace calotype

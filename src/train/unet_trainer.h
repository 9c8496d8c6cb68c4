#pragma once

#include "train/run.h"

namespace calotype {

/// Trains a denoising network on the latents of a folder of captioned pictures, as `docs/training.md` describes.
/// Settings beside the common ones: data, held_out, vae, text (files), size, batch, model_channels, num_head_channels,
/// groups, prediction ("v" or "eps"), zero_terminal_snr, noise_offset, caption_dropout, start (a UNet to begin from),
/// prompts (a file, one a line, for the sample sheets), guidance. Writes `unet.safetensors` in the original layout with
/// its yaml, which names the two other files.
void train_unet(Settings& settings, const TrainWatcher& watcher);

}  // namespace calotype

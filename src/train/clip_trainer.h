#pragma once

#include "train/run.h"

namespace calotype {

/// Trains a pair of towers for text and pictures on a folder of captioned pictures (Radford et al. 2021). Settings
/// beside the common ones: data, plain (a folder with one picture a name), batch (of distinct names), size, width,
/// layers, heads, patch, tokens, and `judged`, a folder of pictures that the finished towers
/// rank by name. Writes `text.safetensors`, the text tower as a Stable Diffusion file holds it, and
/// `clip.safetensors`, both towers under open_clip's names; each with a yaml.
void train_clip(Settings& settings, const TrainWatcher& watcher);

}  // namespace calotype

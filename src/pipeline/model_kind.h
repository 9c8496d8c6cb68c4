#pragma once

#include <initializer_list>

#include "load/stable_diffusion.h"

namespace calotype {

/// What a model's network takes beside latents and text, which decides what can be drawn with it.
enum class ModelKind {
  plain,       ///< nothing
  depth,       ///< a depth map
  inpainting,  ///< a mask, and the latents of what is around it
  upscaler,    ///< a small picture, and how much noise was laid on it
  variations,  ///< an embedding of a picture (unCLIP)
  other,
};

ModelKind kind_of(const StableDiffusion& model);

/// Throws `unsupported` unless the model is of one of these kinds: which one `command` needs, what this one is, and
/// which command takes it.
void require_kind(const StableDiffusion& model, const char* command, std::initializer_list<ModelKind> kinds);

}  // namespace calotype

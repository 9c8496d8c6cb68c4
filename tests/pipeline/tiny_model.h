#pragma once

#include <filesystem>

#include "base/dtype.h"
#include "base/prediction.h"

namespace calotype::testing {

/// What its network takes beside latents; the depth model has a depth net too.
enum class TinyKind { plain, depth, inpainting, upscaler };

/// Writes a whole model of a few hundred thousand parameters, text tower of real vocabulary included: NAME.safetensors
/// in the original layout and its yaml. It draws 64 pixels a side by itself.
std::filesystem::path write_tiny_model(const std::filesystem::path& path, Prediction prediction = Prediction::epsilon,
                                       bool zero_terminal_snr = false, DType dtype = DType::f16,
                                       TinyKind kind = TinyKind::plain);
inline std::filesystem::path write_tiny_model(const std::filesystem::path& path, TinyKind kind) {
  return write_tiny_model(path, Prediction::epsilon, false, DType::f16, kind);
}

}  // namespace calotype::testing

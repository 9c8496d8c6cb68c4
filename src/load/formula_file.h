#pragma once

#include <filesystem>
#include <vector>

#include "base/model_config.h"
#include "io/key_map.h"
#include "io/safetensors.h"

namespace calotype {

/// One network of a file whose weights are the formula's: its keys without prefix, and their shapes.
struct FormulaPart {
  std::string prefix;
  std::vector<TensorPlan> tensors;  // the types are set when the file is written
};

FormulaPart formula_part(const UNetConfig& config);
FormulaPart formula_part(const VaeConfig& config);
/// An open_clip text tower, `logit_scale` included.
FormulaPart formula_part(const TextConfig& config);

/// Writes a checkpoint in the original layout, f32, f16 or bf16, without holding it: real sizes take a few seconds and
/// no memory to speak of. Throws `cannot_write`.
void write_formula_file(const std::filesystem::path& path, const std::vector<FormulaPart>& parts, DType dtype);

}  // namespace calotype

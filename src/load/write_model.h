#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/key_map.h"
#include "nn/fresh_source.h"

namespace calotype {

/// One network to be written: its weights under our names, and where they go.
struct WrittenPart {
  std::string prefix;  // "model.diffusion_model.", "first_stage_model.", "cond_stage_model.model."
  KeyMap keys;
  std::vector<NamedTensor> tensors;
};

/// Writes networks to one safetensors file in the original layout, in f16, bf16 or f32. Throws `internal` where a
/// weight is missing, `cannot_write`.
void write_original(const std::filesystem::path& path, const std::vector<WrittenPart>& parts, DType dtype,
                    const std::map<std::string, std::string>& metadata = {});

}  // namespace calotype

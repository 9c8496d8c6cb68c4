#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/model_config.h"
#include "io/key_map.h"
#include "io/safetensors.h"
#include "io/settings.h"

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
/// SD 1's text tower, which has transformers' names in original files too.
FormulaPart formula_part_of_transformers(const TextConfig& config);
/// unCLIP's image tower.
FormulaPart formula_part(const ImageTowerConfig& config);
/// A depth net, what MiDaS stores and never uses included: an old head of `head_classes`, a norm, half a step.
FormulaPart formula_part(const DepthConfig& config, int64_t head_classes = 1000);
/// The two halves of a small autoencoder, in the layout of its authors.
std::vector<FormulaPart> formula_parts(const TinyVaeConfig& config);

/// The models that were released.
enum class ReleasedModel { base, v, turbo, inpainting, depth, x4, unclip_h, unclip_l, sd1, sd1_inpainting };

/// What a released model is made of.
ModelDescription description_of(ReleasedModel model);

/// The parts of a whole model.
std::vector<FormulaPart> formula_parts(const ModelDescription& description);

/// Writes a checkpoint in the original layout, f32, f16 or bf16, without holding it: real sizes take a few seconds and
/// no memory to speak of. Throws `cannot_write`.
void write_formula_file(const std::filesystem::path& path, const std::vector<FormulaPart>& parts, DType dtype,
                        const std::map<std::string, std::string>& metadata = {});

/// The same for a whole model, with its yaml beside it.
void write_formula_model(const std::filesystem::path& path, const ModelDescription& description, DType dtype,
                         const std::map<std::string, std::string>& metadata = {});

}  // namespace calotype

#include "load/formula_file.h"

#include <algorithm>

#include "base/output_file.h"
#include "load/formula_source.h"
#include "load/rounded.h"
#include "models/clip.h"
#include "models/dpt.h"
#include "models/taesd.h"
#include "models/unet.h"
#include "models/vae.h"
#include "nn/fresh_source.h"

namespace calotype {
namespace {

/// Keys and shapes of a network, as its constructor asks for them; of tensors that several weights share, once.
template <class Network, class Config>
FormulaPart part_of(std::string prefix, const KeyMap& keys, const Config& config, Layout layout = Layout::original,
                    const std::string& below = "") {
  const Measuring no_bytes;
  ListingSource list;
  Network(below.empty() ? Params(list) : Params(list) / below, config);
  FormulaPart part{std::move(prefix), {}};
  for (const auto& [name, shape] : list.entries()) {
    const KeyRow* row = keys.find(name);
    check(row != nullptr, "{}: no key map has it", name);
    const StoredKey& stored = row->in(layout);
    if (stored.part == 0) part.tensors.push_back({stored.name, StoredType::f32, stored_shape(stored, shape)});
  }
  return part;
}

constexpr int64_t kPiece = int64_t{1} << 20;

}  // namespace

FormulaPart formula_part(const UNetConfig& config) {
  return part_of<UNet>("model.diffusion_model.", unet_keys(config), config);
}

FormulaPart formula_part(const VaeConfig& config) {
  return part_of<Vae>("first_stage_model.", vae_keys(config), config);
}

FormulaPart formula_part(const TextConfig& config) {
  FormulaPart part = part_of<TextEncoder>("cond_stage_model.model.", text_keys(config), config);
  part.tensors.push_back({"logit_scale", StoredType::f32, Shape{}});
  return part;
}

FormulaPart formula_part_of_transformers(const TextConfig& config) {
  return part_of<TextEncoder>("cond_stage_model.transformer.text_model.", text_keys(config, ""), config,
                              Layout::diffusers);
}

FormulaPart formula_part(const ImageTowerConfig& config) {
  return part_of<ImageTower>("embedder.model.", image_tower_keys(config), config, Layout::original, "image");
}

FormulaPart formula_part(const DepthConfig& config, int64_t head_classes) {
  FormulaPart part = part_of<DepthNet>("depth_model.model.", depth_keys(config), config);
  const int64_t width = config.width, features = config.features;
  const auto add = [&](const std::string& name, const Shape& weight) {
    part.tensors.push_back({name + ".weight", StoredType::f32, weight});
    part.tensors.push_back({name + ".bias", StoredType::f32, Shape{weight[0]}});
  };
  add("pretrained.model.norm", {width});
  add("pretrained.model.head", {head_classes, width});
  add("scratch.refinenet4.resConfUnit1.conv1", {features, features, 3, 3});
  add("scratch.refinenet4.resConfUnit1.conv2", {features, features, 3, 3});
  return part;
}

std::vector<FormulaPart> formula_parts(const TinyVaeConfig& config) {
  return {part_of<TinyEncoder>("encoder.", tiny_encoder_keys(config), config),
          part_of<TinyDecoder>("decoder.", tiny_decoder_keys(config), config)};
}

std::vector<FormulaPart> formula_parts(const ModelDescription& description) {
  std::vector<FormulaPart> parts;
  if (description.unet) parts.push_back(formula_part(*description.unet));
  if (description.vae) parts.push_back(formula_part(*description.vae));
  // The tower of SD 1 is the one whose blocks all run.
  if (const auto& text = description.text)
    parts.push_back(text->used_layers < text->layers ? formula_part(*text) : formula_part_of_transformers(*text));
  if (description.depth) parts.push_back(formula_part(*description.depth));
  if (description.image) parts.push_back(formula_part(*description.image));
  return parts;
}

void write_formula_model(const std::filesystem::path& path, const ModelDescription& description, DType dtype,
                         const std::map<std::string, std::string>& metadata) {
  write_formula_file(path, formula_parts(description), dtype, metadata);
  std::filesystem::path yaml = path;
  write_text(yaml.replace_extension(".yaml"), original_yaml(description));
}

void write_formula_file(const std::filesystem::path& path, const std::vector<FormulaPart>& parts, DType dtype,
                        const std::map<std::string, std::string>& metadata) {
  std::vector<TensorPlan> plans;
  for (const FormulaPart& part : parts)
    for (const TensorPlan& plan : part.tensors)
      plans.push_back({part.prefix + plan.name, stored_type_of(dtype), plan.shape});
  write_safetensors(path, std::move(plans), metadata, [&](const TensorPlan& plan, const ByteSink& sink) {
    const int64_t count = plan.shape.count();
    for (int64_t first = 0; first < count; first += kPiece) {
      const int64_t length = std::min(kPiece, count - first);
      const std::vector<float> values = formula_values(plan.name, plan.shape, first, length);
      std::vector<std::byte> bytes(bytes_of(dtype, length));
      round_to(dtype, values.data(), length, bytes.data());
      sink(bytes);
    }
  });
}

}  // namespace calotype

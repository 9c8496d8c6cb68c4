#include "load/formula_file.h"

#include <algorithm>

#include "load/formula_source.h"
#include "load/rounded.h"
#include "models/clip.h"
#include "models/unet.h"
#include "models/vae.h"
#include "nn/fresh_source.h"

namespace calotype {
namespace {

/// Keys and shapes of a network, as its constructor asks for them; of tensors that several weights share, once.
template <class Network, class Config>
FormulaPart part_of(std::string prefix, const KeyMap& keys, const Config& config) {
  const Measuring no_bytes;
  ListingSource list;
  Network(Params(list), config);
  FormulaPart part{std::move(prefix), {}};
  for (const auto& [name, shape] : list.entries()) {
    const KeyRow* row = keys.find(name);
    check(row != nullptr, "{}: no key map has it", name);
    const StoredKey& stored = row->original;
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

void write_formula_file(const std::filesystem::path& path, const std::vector<FormulaPart>& parts, DType dtype) {
  std::vector<TensorPlan> plans;
  for (const FormulaPart& part : parts)
    for (const TensorPlan& plan : part.tensors)
      plans.push_back({part.prefix + plan.name, stored_type_of(dtype), plan.shape});
  write_safetensors(path, std::move(plans), {}, [&](const TensorPlan& plan, const ByteSink& sink) {
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

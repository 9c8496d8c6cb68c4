#include "load/adapters.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "load/adapter_change.h"
#include "load/rounded.h"
#include "ops/stored.h"
#include "ops/structure.h"

namespace calotype {
namespace {

constexpr std::string_view kWeight = ".weight", kBias = ".bias";

std::string underscored(std::string_view name) {
  std::string flat(name);
  for (char& c : flat)
    if (c == '.') c = '_';
  return flat;
}

std::string_view without_inner(std::string_view name) {
  constexpr std::string_view kInner = "text_model";
  return name.starts_with(kInner) ? name.substr(kInner.size() + 1) : name;
}

/// Layers by the names that adapters give them: diffusers' and the original's, dots and underscores alike.
class Layers {
 public:
  explicit Layers(const KeyMap& keys) {
    for (const KeyRow& row : keys.rows()) {
      if (!row.ours.ends_with(kWeight)) continue;
      const std::string ours = row.ours.substr(0, row.ours.size() - kWeight.size());
      for (const std::string* name : {&row.diffusers.name, &row.older, &row.original.name})
        if (name->ends_with(kWeight)) {
          const std::string_view layer = std::string_view(*name).substr(0, name->size() - kWeight.size());
          by_name_.emplace(underscored(without_inner(layer)), ours);
          shown_.emplace(ours, std::string(layer));  // the first, diffusers', is what a user knows
        }
    }
  }
  const std::string* find(std::string_view path) const {
    const auto found = by_name_.find(std::string(without_inner(path)));
    return found == by_name_.end() ? nullptr : &found->second;
  }
  const std::string& shown(const std::string& ours) const { return shown_.at(ours); }

 private:
  std::unordered_map<std::string, std::string> by_name_, shown_;
};

}  // namespace

Adapters::Adapters(const std::vector<AdapterUse>& uses, const AdaptedNetwork& unet, const AdaptedNetwork& text) {
  const Layers unet_layers(unet.keys), text_layers(text.keys);
  for (const AdapterUse& use : uses) {
    const auto adapter = std::make_shared<const Adapter>(read_adapter(use.file));
    AdapterReport report{.name = adapter->name, .applied = 0, .unused = adapter->unknown};
    for (const AdapterModule& module : adapter->modules) {
      const std::string* layer = module.part != AdapterPart::text ? unet_layers.find(module.path) : nullptr;
      const bool in_unet = layer != nullptr;
      if (!layer && module.part != AdapterPart::unet) layer = text_layers.find(module.path);
      const AdaptedNetwork& network = in_unet ? unet : text;
      const auto weight = layer ? network.shapes.find(*layer + std::string(kWeight)) : network.shapes.end();
      if (weight == network.shapes.end()) {
        report.unused.push_back(module.name);
        continue;
      }
      const bool reads_context = in_unet && (layer->ends_with("cross.to_k") || layer->ends_with("cross.to_v"));
      require_fits(*adapter, module, (in_unet ? unet_layers : text_layers).shown(*layer), weight->second,
                   reads_context);
      auto& changes = (in_unet ? unet_ : text_).changes_;
      const Adaptation::Change change{adapter, &module, in_unet ? use.unet : use.text};
      if (changes_weight(module)) changes[weight->first].push_back(change);
      if (changes_bias(module)) {
        const std::string bias = *layer + std::string(kBias);
        require(network.shapes.contains(bias), ErrorKind::bad_file, "{}: {}: it changes a bias, this layer has none",
                adapter->where, module.name);
        changes[bias].push_back(change);
      }
      ++report.applied;
    }
    require(report.applied > 0, ErrorKind::bad_file,
            "{}: none of its {} modules has a layer in this model, {} for one: it was made for another kind of model",
            adapter->where, adapter->modules.size(), adapter->modules[0].name);
    reports_.push_back(std::move(report));
  }
}

bool Adaptation::runs_beside(const std::string& path, const Shape& shape) const {
  const auto found = changes_.find(path);
  return found != changes_.end() && shape.rank() == 2 &&
         std::ranges::all_of(found->second, [](const Change& change) { return is_plain_low_rank(*change.module); });
}

std::optional<LowRank> Adaptation::beside(const std::string& path, const Shape& shape) const {
  if (!runs_beside(path, shape)) return std::nullopt;
  std::vector<Tensor> down, up;
  for (const Change& change : changes_.at(path)) {
    down.push_back(low_rank_down(*change.module));
    up.push_back(transpose(low_rank_up(*change.module, change.multiplier)));
  }
  if (down.size() == 1) return LowRank{down[0], transpose(up[0])};
  return LowRank{stack_pictures(down), transpose(stack_pictures(up))};
}

Tensor Adaptation::merged(const std::string& path, const Tensor& base) const {
  const bool full = base.dtype() == DType::f32;
  Tensor weight = full ? base : widened(base);
  for (const Change& change : changes_.at(path))
    weight = path.ends_with(kBias) ? changed_bias(*change.module, weight, change.multiplier)
                                   : changed_weight(*change.module, weight, change.multiplier);
  if (full) return weight;
  Tensor half = Tensor::empty(weight.shape(), DType::f16);
  round_to(DType::f16, weight.view<float>().data(), weight.count(), half.edit<Float16>().data());
  return half;
}

Tensor AdaptedSource::get(const std::string& path, const Shape& shape, Init init) {
  Tensor base = inner_.get(path, shape, init);
  const bool copy = adaptation_.touches(path) && !adaptation_.runs_beside(path, shape);
  return copy ? adaptation_.merged(path, base) : base;
}

std::optional<LowRank> AdaptedSource::low_rank(const std::string& path, const Shape& shape) {
  return adaptation_.beside(path, shape);
}

}  // namespace calotype

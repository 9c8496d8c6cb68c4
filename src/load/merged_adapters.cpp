#include "load/merged_adapters.h"

#include <algorithm>

#include "base/error.h"
#include "load/relaid_values.h"

namespace calotype {

Adapters fitted_to(const ModelFiles& model, const std::vector<AdapterUse>& uses) {
  if (uses.empty()) return {};
  return Adapters(uses, model.network(PartKind::unet), model.network(PartKind::text));
}

bool touches(const Adaptation& adaptation, const RelaidTensor& tensor) {
  return std::ranges::any_of(tensor.stretches, [&](const Stretch& one) { return adaptation.touches(one.ours); });
}

StoredType type_of_changed(StoredType chosen) {
  if (can_round_to(chosen)) return chosen;
  return block_length(chosen) > 1 || bits_of(chosen) <= 8 ? StoredType::f16 : StoredType::f32;
}

void write_changed(const RelaidTensor& tensor, const Adaptation& adaptation, StoredType type, const ByteSink& sink) {
  check(!tensor.transposed, "{}: adapters change no weight that lies transposed", tensor.name);
  Tensor values = Tensor::empty(tensor.shape);
  widen(tensor, 0, values.edit<float>());
  int64_t first = 0;
  for (const Stretch& one : tensor.stretches) {
    if (adaptation.touches(one.ours)) {
      Tensor base = Tensor::empty(one.shape);
      std::ranges::copy(values.view<float>().subspan(first, one.count), base.edit<float>().begin());
      const Tensor changed = adaptation.merged(one.ours, base);
      std::ranges::copy(changed.view<float>(), values.edit<float>().begin() + first);
    }
    first += one.count;
  }
  write_values(
      tensor.shape, type,
      [&](int64_t from, std::span<float> out) {
        std::ranges::copy(values.view<float>().subspan(from, out.size()), out.begin());
      },
      sink);
}

}  // namespace calotype

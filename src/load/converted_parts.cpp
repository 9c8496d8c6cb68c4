#include "load/converted_parts.h"

#include <set>

namespace calotype {

int64_t count_in(const RelaidTensor& tensor) {
  std::set<const StoredTensor*> seen;
  int64_t found = 0;
  for (const Stretch& one : tensor.stretches)
    if (seen.insert(one.stored).second) found += count_not_a_number(*one.stored);
  return found;
}

bool is_clip_l(const ModelFiles& model) {
  return model.has(PartKind::text) && model.found().text->config.activation == TextActivation::quick_gelu;
}

Relaid relaid_for(const ModelFiles& model, PartKind part, Target target, Averages averages) {
  const bool clip_l = is_clip_l(model);
  const bool theirs = target == Target::folder || (part == PartKind::text && clip_l);
  Relaid result{model.relaid(part, theirs ? Layout::diffusers : Layout::original, averages), {}};
  for (const RelaidTensor& tensor : result.tensors)
    result.originals.push_back(original_prefix(part, clip_l) + tensor.name);
  return result;
}

}  // namespace calotype

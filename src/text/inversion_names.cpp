#include "text/inversion_names.h"

#include <algorithm>

namespace calotype {

void InversionNames::add(std::span<const std::string> spellings, int64_t vectors, const Tokenizer& tokenizer) {
  const size_t index = vectors_.size();
  vectors_.push_back(vectors);
  for (const std::string& spelling : spellings) {
    std::vector<int32_t> ids = tokenizer.encode(spelling);
    if (ids.empty()) continue;
    std::vector<Name>& names = by_first_[ids.front()];
    if (std::ranges::find(names, ids, &Name::ids) != names.end()) continue;
    const auto place = std::ranges::find_if(names, [&](const Name& other) { return other.ids.size() < ids.size(); });
    names.insert(place, {std::move(ids), index});
  }
}

InversionNames::Found InversionNames::find(std::span<const int32_t> ids) const {
  const auto names = ids.empty() ? by_first_.end() : by_first_.find(ids.front());
  if (names == by_first_.end()) return {};
  for (const Name& name : names->second)
    if (name.ids.size() <= ids.size() && std::ranges::equal(name.ids, ids.first(name.ids.size())))
      return {name.index, name.ids.size(), vectors_[name.index]};
  return {};
}

}  // namespace calotype

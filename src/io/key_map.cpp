#include "io/key_map.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"

namespace calotype {

const char* name_of(Layout layout) {
  return layout == Layout::original ? "original" : "diffusers";
}

KeyMap::KeyMap(std::vector<KeyRow> rows) : rows_(std::move(rows)) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    const KeyRow& row = rows_[i];
    check(by_ours_.emplace(row.ours, i).second, "{} stands twice in a key map", row.ours);
    if (!row.original.name.empty()) by_original_.emplace(row.original.name, i);
    if (!row.diffusers.name.empty()) by_diffusers_.emplace(row.diffusers.name, i);
    if (!row.older.empty()) by_diffusers_.emplace(row.older, i);
  }
}

const KeyRow* KeyMap::find(std::string_view ours) const& {
  const auto at = by_ours_.find(std::string(ours));
  return at == by_ours_.end() ? nullptr : &rows_[at->second];
}

std::vector<const KeyRow*> KeyMap::stored_as(Layout layout, std::string_view name) const {
  const auto& names = layout == Layout::original ? by_original_ : by_diffusers_;
  std::vector<const KeyRow*> found;
  const auto [first, last] = names.equal_range(std::string(name));
  for (auto at = first; at != last; ++at) found.push_back(&rows_[at->second]);
  std::sort(found.begin(), found.end());  // the order of the table
  return found;
}

Shape stored_shape(const StoredKey& key, const Shape& ours) {
  std::vector<int64_t> extents(ours.begin(), ours.end());
  if (key.form == Form::conv1x1)
    while (extents.size() < 4) extents.push_back(1);
  if (key.form == Form::transposed) std::swap(extents.at(0), extents.at(1));
  if (key.parts > 1) extents.at(0) *= key.parts;
  return Shape(extents);
}

std::string ema_key(std::string_view key) {
  if (key.starts_with("model.")) key.remove_prefix(6);
  std::string flat = "model_ema.";
  std::copy_if(key.begin(), key.end(), std::back_inserter(flat), [](char c) { return c != '.'; });
  return flat;
}

}  // namespace calotype

#pragma once

#include <cstdint>
#include <string>

namespace calotype {

/// The vocabulary as transformers' tokenizers read it, for folders that are written: `vocab.json` and `merges.txt` of
/// the first `size` - 2 ids and the two marks. `size` in [514, 49408]; less than the whole list for small models.
std::string vocabulary_json(int64_t size);
std::string merges_text(int64_t size);

}  // namespace calotype

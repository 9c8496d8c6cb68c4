#pragma once

#include <span>
#include <string>
#include <vector>

#include "load/adapters.h"
#include "text/adapter_tags.h"

namespace calotype::cli {

/// The adapters of `--lora FILE[:W]` or `FILE[:W_UNET:W_TEXT]`, then those that prompts ask for by name in
/// `folder`. A file of `--lora` may lie there too, by its name alone. Throws `bad_input` for a weight that is none,
/// `bad_file` where there is no such file, with the most similar names of the folder.
std::vector<AdapterUse> adapter_uses(const std::vector<std::string>& asked, const std::string& folder,
                                     const std::vector<AdapterTag>& tags);

/// What adapters changed, where that was asked for, and warnings of what in them has no place in the model.
std::vector<std::string> adapter_notes(std::span<const AdapterReport> reports, bool verbose);

}  // namespace calotype::cli

#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nn/fresh_source.h"

namespace calotype {

/// Everything a run needs to go on with the same bits: tensors by name, and words by name.
void write_training_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                          const std::map<std::string, std::string>& words);

/// Fills the tensors from the file, in place, and returns its words. Throws `bad_file` where the file lacks a tensor,
/// has one of another shape, or has one too many: then it belongs to another run.
std::map<std::string, std::string> read_training_state(const std::filesystem::path& path,
                                                       std::vector<NamedTensor>& tensors);

}  // namespace calotype

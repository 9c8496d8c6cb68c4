#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "io/tensor_file.h"

namespace calotype {

/// Whether the first bytes are those of a zip archive, or of a pickle: what PyTorch writes today, and wrote before 1.6.
bool is_torch_archive(std::span<const std::byte> file);
bool is_pickle(std::span<const std::byte> file);

/// The weights of a PyTorch archive: of its dictionary, or of the dictionaries `state_dict` in it. Their values point
/// into `file`, where they lie there in order; views that do not are copied, at most the file's size of them or 64 MiB.
/// Weights in dictionaries of the dictionary are named "outer.inner". Nothing is executed: whatever else the pickle
/// calls or names is dropped, and refuses the file where a weight or a part of one should be. Throws `bad_file`,
/// `unsupported`.
TensorFileContent read_torch_archive(std::span<const std::byte> file, std::string_view where);

/// The same of the older stream: five pickles, then the storages.
TensorFileContent read_torch_stream(std::span<const std::byte> file, std::string_view where);

}  // namespace calotype

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/pickle.h"
#include "io/tensor_file.h"

namespace calotype {

/// A storage as a pickle names it.
struct TorchStorage {
  std::optional<StoredType> type;  // none: bytes, whose tensors say what they are
  std::string_view key;
  int64_t count = 0;  // of elements
  int64_t element_bytes() const { return type ? bits_of(*type) / 8 : 1; }
};

/// Throws `bad_file` where the type is none of PyTorch's, or the count negative.
TorchStorage torch_storage(const Pickle& pickle, PickleValue storage, std::string_view where);

/// Where the bytes of a storage lie; throws where there are none.
using FindStorage = std::function<std::span<const std::byte>(const TorchStorage&)>;

/// The weights of a pickle's object; see `read_torch_archive`. Of copies of views at most `most_copied` bytes.
TensorFileContent torch_weights(const Pickle& pickle, const FindStorage& find, size_t most_copied,
                                std::string_view where);

}  // namespace calotype

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/stored_tensor.h"

namespace calotype::testing {

/// Opcodes of a pickle, one after the other: for files that PyTorch would write, and for such as nobody should.
class PickleWriter {
 public:
  PickleWriter& raw(std::string_view opcodes) { return bytes_ += opcodes, *this; }
  PickleWriter& text(std::string_view value);
  PickleWriter& number(int64_t value);
  PickleWriter& numbers(std::span<const int64_t> values);  // a tuple
  PickleWriter& name(std::string_view module, std::string_view name);
  /// A tensor of a storage of its own; `legacy` adds the sixth part of its id.
  PickleWriter& tensor(const StoredTensor& tensor, std::string_view key, bool legacy = false);
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// {"state_dict": {name: tensor, ..}} of protocol 2, with the keys "0", "1", .. for the storages.
std::string pickled_state(std::span<const StoredTensor> tensors, bool legacy = false);

/// A zip archive of stored files, in order.
std::string zipped(const std::vector<std::pair<std::string, std::string>>& files);

/// What torch.save writes today: a pickle and its storages in an archive.
std::string torch_archive(const std::string& pickle, const std::vector<std::string>& storages);
std::string torch_archive(std::span<const StoredTensor> tensors);

/// What it wrote before 1.6.
std::string torch_stream(std::span<const StoredTensor> tensors);

}  // namespace calotype::testing

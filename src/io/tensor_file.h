#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "io/stored_tensor.h"

namespace calotype {

/// What files of weights are made of.
enum class Container : uint8_t { safetensors, torch, torch_legacy, gguf };

/// "safetensors", "PyTorch archive", "old PyTorch stream", "GGUF".
const char* name_of(Container container);

/// What a file of weights says of itself, whatever it is made of. The tensors point into the file, or into memory of
/// `owner` where their values do not lie there in order.
struct TensorFileContent {
  Container container = Container::safetensors;
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;  // what is text or a number
  std::shared_ptr<const void> owner;            // of bytes that are not the file's; may be null
};

/// A file of named stored tensors, mapped: safetensors, a PyTorch checkpoint (a zip archive or the older stream;
/// nothing in it is executed), GGUF. Which it is, its first bytes say, not its name. Copies share the mapping.
class TensorFile {
 public:
  /// Throws `bad_file`, `unsupported`.
  explicit TensorFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  Container container() const { return content_->container; }
  const std::vector<StoredTensor>& tensors() const { return content_->tensors; }
  const std::map<std::string, std::string>& metadata() const { return content_->metadata; }
  /// Null where there is none of that name.
  const StoredTensor* find(std::string_view name) const;
  /// Keeps the bytes alive, for storages that point into them.
  std::shared_ptr<const void> owner() const { return owner_; }

 protected:
  TensorFile(const std::filesystem::path& path, const std::function<TensorFileContent(const MappedFile&)>& read);

 private:
  std::filesystem::path path_;
  std::shared_ptr<const TensorFileContent> content_;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const std::vector<uint32_t>> by_name_;  // indices of tensors, sorted by name
};

/// The same from bytes in memory, which must outlive it; `where` stands in front of messages.
TensorFileContent parse_tensor_file(std::span<const std::byte> file, std::string_view where);

}  // namespace calotype

#include "io/tensor_file.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "io/gguf.h"
#include "io/safetensors.h"
#include "io/torch_file.h"

namespace calotype {
namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bytes and what else keeps a content alive.
struct Kept {
  std::shared_ptr<const void> file, made;
};

}  // namespace

const char* name_of(Container container) {
  switch (container) {
    case Container::safetensors:
      return "safetensors";
    case Container::torch:
      return "PyTorch archive";
    case Container::torch_legacy:
      return "old PyTorch stream";
    case Container::gguf:
      return "GGUF";
  }
  return "?";
}

TensorFileContent parse_tensor_file(std::span<const std::byte> file, std::string_view where) {
  const std::string_view text = as_text(file);
  if (text.starts_with("GGUF")) {
    GgufContent content = parse_gguf(file, where);
    return {Container::gguf, std::move(content.tensors), content.text_metadata(), nullptr};
  }
  if (is_torch_archive(file)) return read_torch_archive(file, where);
  if (is_pickle(file)) return read_torch_stream(file, where);
  require(text.size() < 262 || text.substr(257, 5) != "ustar", ErrorKind::unsupported,
          "{}: a tar archive, as the first versions of PyTorch wrote; save it again with a newer one", where);
  SafetensorsContent content = parse_safetensors(file, where);
  return {Container::safetensors, std::move(content.tensors), std::move(content.metadata), nullptr};
}

TensorFile::TensorFile(const std::filesystem::path& path)
    : TensorFile(path, [](const MappedFile& file) { return parse_tensor_file(file.bytes(), file.path().string()); }) {}

TensorFile::TensorFile(const std::filesystem::path& path,
                       const std::function<TensorFileContent(const MappedFile&)>& read)
    : path_(path) {
  const MappedFile file(path);
  auto content = std::make_shared<TensorFileContent>(read(file));
  owner_ = content->owner ? std::make_shared<Kept>(file.owner(), content->owner) : file.owner();
  const auto& tensors = content->tensors;
  std::vector<uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return tensors[a].name < tensors[b].name; });
  by_name_ = std::make_shared<const std::vector<uint32_t>>(std::move(order));
  content_ = std::move(content);
}

const StoredTensor* TensorFile::find(std::string_view name) const {
  const auto at = std::lower_bound(by_name_->begin(), by_name_->end(), name,
                                   [&](uint32_t i, std::string_view wanted) { return tensors()[i].name < wanted; });
  return at != by_name_->end() && tensors()[*at].name == name ? &tensors()[*at] : nullptr;
}

}  // namespace calotype

#include "train/checkpoint.h"

#include <cstring>

#include "io/safetensors.h"

namespace calotype {

void write_training_state(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                          const std::map<std::string, std::string>& words) {
  std::vector<StoredTensor> stored;
  for (const NamedTensor& named : tensors) {
    const auto bytes = std::as_bytes(named.tensor.view<float>());
    stored.push_back({named.name, StoredType::f32, named.tensor.shape(), bytes});
  }
  write_safetensors(path, stored, words);
}

std::map<std::string, std::string> read_training_state(const std::filesystem::path& path,
                                                       std::vector<NamedTensor>& tensors) {
  const Safetensors file(path);
  require(file.tensors().size() == tensors.size(), ErrorKind::bad_file,
          "{}: this run has {} tensors, the checkpoint {}; it belongs to another run: name another `out`",
          path.string(), tensors.size(), file.tensors().size());
  for (NamedTensor& named : tensors) {
    const StoredTensor* stored = file.find(named.name);
    require(stored && stored->type == StoredType::f32 && stored->shape == named.tensor.shape(), ErrorKind::bad_file,
            "{}: {} of {} in f32 was expected, the checkpoint has {}; it belongs to another run", path.string(),
            named.name, named.tensor.shape().text(), stored ? stored->shape.text() : "none");
    std::memcpy(named.tensor.edit<float>().data(), stored->bytes.data(), stored->bytes.size());
  }
  return file.metadata();
}

}  // namespace calotype

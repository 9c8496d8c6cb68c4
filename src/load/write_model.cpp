#include "load/write_model.h"

#include <unordered_map>

#include "io/safetensors.h"
#include "load/rounded.h"

namespace calotype {
namespace {

using ByName = std::unordered_map<std::string, Tensor>;

ByName by_name(const std::vector<NamedTensor>& tensors) {
  ByName map;
  for (const NamedTensor& named : tensors) map[named.name] = named.tensor;
  return map;
}

const Tensor& find(const ByName& tensors, const std::string& name) {
  const auto found = tensors.find(name);
  check(found != tensors.end(), "{}: there is no such weight to be written", name);
  return found->second;
}

std::vector<std::byte> narrowed(const Tensor& tensor, DType dtype) {
  std::vector<float> wide(tensor.count());
  widen(tensor.data(), tensor.dtype(), 0, tensor.count(), wide.data());
  std::vector<std::byte> bytes(bytes_of(dtype, tensor.count()));
  round_to(dtype, wide.data(), tensor.count(), bytes.data());
  return bytes;
}

}  // namespace

void write_original(const std::filesystem::path& path, const std::vector<WrittenPart>& parts, DType dtype,
                    const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::vector<Tensor>> pieces;  // of each stored tensor, first rows first
  std::vector<TensorPlan> plans;
  for (const WrittenPart& part : parts) {
    const ByName tensors = by_name(part.tensors);
    for (const KeyRow& row : part.keys.rows()) {
      const StoredKey& key = row.original;
      if (key.name.empty() || !tensors.contains(row.ours)) continue;
      const Tensor& tensor = find(tensors, row.ours);
      check(key.form != Form::transposed, "{}: it is stored transposed", row.ours);
      auto& list = pieces[part.prefix + key.name];
      list.resize(key.parts);
      list[key.part] = tensor;
      if (key.part == 0)
        plans.push_back({part.prefix + key.name, stored_type_of(dtype), stored_shape(key, tensor.shape())});
    }
  }
  write_safetensors(path, plans, metadata, [&](const TensorPlan& plan, const ByteSink& sink) {
    for (const Tensor& piece : pieces.at(plan.name)) {
      check(static_cast<bool>(piece), "{}: a piece of it is missing", plan.name);
      sink(narrowed(piece, dtype));
    }
  });
}

}  // namespace calotype

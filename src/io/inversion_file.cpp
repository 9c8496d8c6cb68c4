#include "io/inversion_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"
#include "io/inversion_card.h"
#include "io/png.h"
#include "io/printable.h"
#include "io/tensor_file.h"

namespace calotype {
namespace {

constexpr int64_t kMostVectors = 75;  // a chunk's tokens
constexpr std::string_view kWebInterface = "string_to_param.", kParameters = "emb_params";

bool is_real(StoredType type) {
  return type == StoredType::f16 || type == StoredType::bf16 || type == StoredType::f32 || type == StoredType::f64;
}

/// The one tensor of real numbers; those of the web interface's dictionary before others.
InversionFile from_tensors(std::span<const StoredTensor> tensors, std::string_view where) {
  std::vector<const StoredTensor*> found;
  const bool web_interface =
      std::ranges::any_of(tensors, [](const StoredTensor& tensor) { return tensor.name.starts_with(kWebInterface); });
  std::string names;
  for (const StoredTensor& tensor : tensors) {
    if (!is_real(tensor.type) || (web_interface && !tensor.name.starts_with(kWebInterface))) continue;
    found.push_back(&tensor);
    if (found.size() <= 4) names += (found.size() == 1 ? "" : ", ") + printable(tensor.name, 40);
  }
  require(!found.empty(), ErrorKind::bad_file, "{}: this is no embedding: there are no vectors in it", where);
  require(found.size() == 1, ErrorKind::bad_file, "{}: an embedding has vectors for one word, this file for {} ({}{})",
          where, found.size(), names, found.size() > 4 ? ", .." : "");
  const StoredTensor& tensor = *found[0];
  const size_t rank = tensor.shape.rank();
  require(rank == 1 || rank == 2, ErrorKind::bad_file, "{}: {} is of shape {}; vectors [n, width] were expected", where,
          printable(tensor.name, 40), tensor.shape.text());
  InversionFile file;
  file.count = rank == 1 ? 1 : tensor.shape[0];
  file.width = tensor.shape[rank - 1];
  require(file.count <= kMostVectors && file.width <= 65536, ErrorKind::bad_file,
          "{}: {} vectors of width {}; a chunk of a prompt takes {}", where, file.count, file.width, kMostVectors);
  for (const double value : values_of(tensor)) file.values.push_back(static_cast<float>(value));
  if (!web_interface && tensor.name != kParameters) file.inside = tensor.name;
  return file;
}

}  // namespace

bool may_be_inversion(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.ends_with(".preview.png")) return false;
  const std::string ending = path.extension().string();
  return ending == ".pt" || ending == ".bin" || ending == ".safetensors" || ending == ".png";
}

InversionFile read_inversion_file(const std::filesystem::path& path) {
  const std::string where = printable(path.string());
  InversionFile file;
  {
    const MappedFile mapped(path);
    file = is_png(mapped.bytes()) ? read_inversion_card(mapped.bytes(), where)
                                  : from_tensors(TensorFile(path).tensors(), where);
  }
  if (file.name.empty()) file.name = path.stem().string();
  require(file.count > 0 && file.width > 0, ErrorKind::bad_file, "{}: this embedding has no vectors", where);
  require(file.count <= kMostVectors, ErrorKind::bad_file, "{}: {} vectors; a chunk of a prompt takes {}", where,
          file.count, kMostVectors);
  require(std::ranges::all_of(file.values, [](float value) { return std::isfinite(value); }), ErrorKind::bad_file,
          "{}: its vectors hold something that is no finite number", where);
  return file;
}

}  // namespace calotype

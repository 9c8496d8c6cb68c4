#include "load/file_source.h"

#include <algorithm>
#include <cstdint>

#include "base/blocks.h"
#include "io/stored_tensor.h"
#include "tensor/allocator.h"

namespace calotype {
namespace {

constexpr size_t kMostNamed = 20;

/// Rows [part n, (part + 1) n) of a tensor of `parts` n rows.
std::span<const std::byte> part_of(const StoredTensor& stored, const StoredKey& key) {
  const size_t size = stored.bytes.size() / key.parts;
  return stored.bytes.subspan(size * key.part, size);
}

bool aligned(const void* data, DType dtype) {
  if (is_in_blocks(dtype)) return true;  // no kernel asks for more than bytes
  const auto size = static_cast<uintptr_t>(bytes_of(dtype, 1));
  return reinterpret_cast<uintptr_t>(data) % size == 0;
}

/// The same values in f32, for the types that no kernel reads.
Tensor converted(const StoredTensor& stored, const StoredKey& key, const Shape& shape) {
  Tensor result = Tensor::empty(shape);
  widen(stored, stored.shape.count() / key.parts * key.part, result.edit<float>());
  return result;
}

/// Types that products read as they lie; those in blocks only of matrices, whose rows are whole numbers of blocks.
bool readable(DType dtype, const Shape& stored, const Shape& shape) {
  if (dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16) return true;
  return is_in_blocks(dtype) && shape.rank() == 2 && stored.rank() >= 2 && shape[1] == stored[1] &&
         shape[1] % block_size(dtype).elements == 0;
}

Tensor transposed(const Tensor& x, const Shape& shape) {
  std::vector<float> wide(x.count());
  widen(x.data(), x.dtype(), 0, x.count(), wide.data());
  Tensor result = Tensor::empty(shape);
  const auto out = result.edit<float>();
  const int64_t rows = shape[0], columns = shape[1];
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j) out[i * columns + j] = wide[j * rows + i];
  return result;
}

bool same_but_for_trailing_ones(const Shape& a, const Shape& b) {
  const auto trimmed = [](const Shape& shape) {
    size_t rank = shape.rank();
    while (rank > 1 && shape[static_cast<int>(rank) - 1] == 1) --rank;
    return shape.extents().first(rank);
  };
  return std::ranges::equal(trimmed(a), trimmed(b));
}

}  // namespace

const StoredTensor* FileSource::find(const KeyRow& row, const StoredKey*& key) const {
  key = &row.in(layout_);
  if (averages_ == Averages::yes && layout_ == Layout::original)
    if (const StoredTensor* stored = files_.find(ema_key(prefix_ + key->name))) return stored;
  if (const StoredTensor* stored = key->name.empty() ? nullptr : files_.find(prefix_ + key->name)) return stored;
  return layout_ == Layout::diffusers && !row.older.empty() ? files_.find(prefix_ + row.older) : nullptr;
}

Tensor FileSource::get(const std::string& path, const Shape& shape, Init) {
  const KeyRow* row = keys_.find(path);
  check(row != nullptr, "{}: the key map does not know this weight", path);
  const StoredKey* key = nullptr;
  const StoredTensor* stored = find(*row, key);
  const std::string name = prefix_ + (key->name.empty() ? path : key->name);
  if (!stored) {
    missing_.push_back(name);
    return Tensor::zeros(shape);
  }
  const Shape expected = stored_shape(*key, shape);
  if (!same_but_for_trailing_ones(stored->shape, expected)) {
    misshapen_.push_back(fmt::format("{} needs {}, the file has {}", name, expected.text(), stored->shape.text()));
    return Tensor::zeros(shape);
  }
  const auto dtype = dtype_of(stored->type);
  if (!dtype || !readable(*dtype, stored->shape, key->form == Form::transposed ? expected : shape)) {
    const Tensor wide = converted(*stored, *key, key->form == Form::transposed ? expected : shape);
    return key->form == Form::transposed ? transposed(wide, shape) : wide;
  }
  const auto bytes = part_of(*stored, *key);
  Tensor tensor = Tensor::borrowed(bytes.data(), shape, *dtype, files_.owner_of(stored->name));
  if (key->form == Form::transposed) return transposed(tensor, shape);
  return aligned(bytes.data(), *dtype) ? tensor : tensor.clone();
}

void FileSource::check_complete(const std::string& where, const std::string& network) const {
  if (missing_.empty() && misshapen_.empty()) return;
  std::string list;
  size_t named = 0;
  for (const auto* problems : {&misshapen_, &missing_})
    for (const std::string& problem : *problems) {
      if (named++ >= kMostNamed) continue;
      list += (list.empty() ? "" : "; ") + problem + (problems == &missing_ ? " is missing" : "");
    }
  if (named > kMostNamed) list += fmt::format("; and {} more", named - kMostNamed);
  fail(ErrorKind::bad_file, "{}: the {} is not whole: {}", where, network, list);
}

}  // namespace calotype

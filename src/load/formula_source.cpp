#include "load/formula_source.h"

#include <algorithm>
#include <cstddef>

#include "base/formula.h"
#include "base/parallel.h"
#include "load/rounded.h"
#include "tensor/allocator.h"

namespace calotype {
namespace {

constexpr int64_t kPiece = int64_t{1} << 16;

/// The `count` values of a tensor from `first` on, rounded to the type, by all threads.
void fill(const std::string& key, FormulaScale scale, int64_t first, int64_t count, DType dtype, void* out) {
  parallel_for((count + kPiece - 1) / kPiece, [&](int64_t piece) {
    const int64_t begin = piece * kPiece, length = std::min(kPiece, count - begin);
    std::vector<float> values(length);
    fill_formula(key, scale, first + begin, values);
    round_to(dtype, values.data(), length, static_cast<std::byte*>(out) + bytes_of(dtype, begin));
  });
}

}  // namespace

FormulaSource::FormulaSource(KeyMap keys, std::string prefix, DType dtype, Layout layout)
    : keys_(std::move(keys)), prefix_(std::move(prefix)), dtype_(dtype), layout_(layout) {
  check(dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16, "formula weights are not made in {}",
        name_of(dtype));
}

Tensor FormulaSource::get(const std::string& path, const Shape& shape, Init) {
  const KeyRow* row = keys_.find(path);
  check(row != nullptr && !row->in(layout_).name.empty(), "formula: {} has no key in the {} layout", path,
        name_of(layout_));
  const StoredKey& stored = row->in(layout_);
  check(stored.form != Form::transposed, "formula: {} lies transposed", stored.name);
  Tensor result = Tensor::empty(shape, dtype_);
  if (Measuring::active()) return result;
  const std::string key = prefix_ + stored.name;
  const FormulaScale scale = formula_scale(key, stored_shape(stored, shape).extents());
  const int64_t first = stored.part * shape.count();
  void* out = dtype_ == DType::f32   ? static_cast<void*>(result.edit<float>().data())
              : dtype_ == DType::f16 ? static_cast<void*>(result.edit<Float16>().data())
                                     : static_cast<void*>(result.edit<BFloat16>().data());
  fill(key, scale, first, shape.count(), dtype_, out);
  return result;
}

std::vector<float> formula_values(const std::string& key, const Shape& extents, int64_t first, int64_t count) {
  std::vector<float> values(count);
  fill(key, formula_scale(key, extents.extents()), first, count, DType::f32, values.data());
  return values;
}

}  // namespace calotype

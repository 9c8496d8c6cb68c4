#include "load/formula_source.h"

#include <algorithm>

#include "base/formula.h"
#include "base/parallel.h"
#include "tensor/allocator.h"

namespace calotype {
namespace {

constexpr int64_t kPiece = int64_t{1} << 16;

/// store(first, values) for consecutive pieces of `count` values that begin at `first` of the tensor.
template <class Store>
void in_pieces(const std::string& key, FormulaScale scale, int64_t first, int64_t count, const Store& store) {
  parallel_for((count + kPiece - 1) / kPiece, [&](int64_t piece) {
    const int64_t begin = piece * kPiece, length = std::min(kPiece, count - begin);
    store(begin, length, [&](std::span<float> out) { fill_formula(key, scale, first + begin, out); });
  });
}

template <class Half, class Round>
void fill_rounded(const std::string& key, FormulaScale scale, int64_t first, std::span<Half> out, const Round& round) {
  in_pieces(key, scale, first, static_cast<int64_t>(out.size()), [&](int64_t begin, int64_t length, const auto& fill) {
    std::vector<float> values(length);
    fill(values);
    std::ranges::transform(values, out.begin() + begin, round);
  });
}

void fill(const std::string& key, FormulaScale scale, int64_t first, std::span<float> out) {
  in_pieces(key, scale, first, static_cast<int64_t>(out.size()),
            [&](int64_t begin, int64_t length, const auto& fill) { fill(out.subspan(begin, length)); });
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
  if (dtype_ == DType::f16)
    fill_rounded(key, scale, first, result.edit<Float16>(), to_float16);
  else if (dtype_ == DType::bf16)
    fill_rounded(key, scale, first, result.edit<BFloat16>(), to_bfloat16);
  else
    fill(key, scale, first, result.edit<float>());
  return result;
}

std::vector<float> formula_values(const std::string& key, const Shape& extents, int64_t first, int64_t count) {
  std::vector<float> values(count);
  fill(key, formula_scale(key, extents.extents()), first, values);
  return values;
}

}  // namespace calotype

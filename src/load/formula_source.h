#pragma once

#include <string>
#include <vector>

#include "io/key_map.h"
#include "nn/params.h"

namespace calotype {

/// Weights that need no file: the value of each is a function of its key in the original checkpoint and of its place
/// there (base/formula.h). Tests, the checker and the benchmarks build whole networks of any size from it. A tensor is
/// made when it is asked for, by all threads; a billion values take seconds.
class FormulaSource : public ParamSource {
 public:
  /// `prefix` stands before the keys, "model.diffusion_model." for one; `dtype` is f32, or f16 or bf16, to which the
  /// values are then rounded. SD 1's text tower has transformers' names in original files too: Layout::diffusers.
  FormulaSource(KeyMap keys, std::string prefix, DType dtype = DType::f32, Layout layout = Layout::original);

  /// Throws `internal` for a path that the key map lacks.
  Tensor get(const std::string& path, const Shape& shape, Init init) override;

 private:
  KeyMap keys_;
  std::string prefix_;
  DType dtype_;
  Layout layout_;
};

/// The `count` values of an original tensor from `first` on; `extents` is the whole tensor's shape. By all threads.
std::vector<float> formula_values(const std::string& key, const Shape& extents, int64_t first, int64_t count);

}  // namespace calotype

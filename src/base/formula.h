#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace calotype {

/// Weights and inputs that need no file: each value is a function of the tensor's name and its place in it. Tests, the
/// checker and the benchmarks make whole networks of any size from it. f32, one multiply and one add, never fused.
///
/// u(name, i) in [-1, 1): FNV-1a of the name, then splitmix64 at step i + 1.
struct FormulaScale {
  float offset, scale;
};

/// Which offset and scale the weight of this original checkpoint key takes: `extents` is its shape in that layout.
FormulaScale formula_scale(std::string_view key, std::span<const int64_t> extents);

/// out[i] = offset + scale * u(key, first + i)
void fill_formula(std::string_view key, FormulaScale scale, int64_t first, std::span<float> out);

/// Noise of unit variance: u * sqrt(3) in f32.
void fill_formula_noise(std::string_view key, std::span<float> out);

}  // namespace calotype

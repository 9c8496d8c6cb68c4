#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/dtype.h"
#include "kernels/linear.h"

namespace calotype::testing {

constexpr DType kWeightTypes[] = {DType::f32, DType::f16, DType::bf16, DType::q8_0};

/// Weights as a file holds them, at an odd address where their elements allow one.
class StoredWeights {
 public:
  StoredWeights(const std::vector<float>& values, DType dtype)
      : dtype_(dtype), bytes_(kSkip + bytes_of(dtype, values.size()) + 34), values_(values.size()) {
    std::vector<float> padded = values;
    padded.resize((values.size() + 31) / 32 * 32);
    uint8_t* to = bytes_.data() + kSkip;
    for (size_t i = 0; i < values.size(); ++i) {
      if (dtype == DType::f32) std::memcpy(to + 4 * i, &values[i], 4);
      if (dtype == DType::f16) store(to + 2 * i, to_float16(values[i]).bits);
      if (dtype == DType::bf16) store(to + 2 * i, to_bfloat16(values[i]).bits);
    }
    if (dtype == DType::q8_0)
      for (size_t block = 0; block < padded.size() / 32; ++block) {
        const float* from = padded.data() + 32 * block;
        float largest = 0;
        for (int i = 0; i < 32; ++i) largest = std::max(largest, std::abs(from[i]));
        const Float16 scale = to_float16(largest / 127);
        store(to + 34 * block, scale.bits);
        for (int i = 0; i < 32; ++i)
          to[34 * block + 2 + i] = largest == 0 ? 0 : static_cast<uint8_t>(std::lround(from[i] / to_float(scale)));
      }
    std::vector<float> wide(values.size());
    widen(to, dtype, 0, wide.size(), wide.data());
    values_.assign(wide.begin(), wide.end());
  }

  kernels::Weights view() const { return {bytes_.data() + kSkip, dtype_}; }
  /// What is stored, exactly.
  const std::vector<double>& values() const { return values_; }

 private:
  static constexpr int64_t kSkip = 4;  // off any vector's alignment

  static void store(uint8_t* to, uint16_t bits) { std::memcpy(to, &bits, 2); }

  DType dtype_;
  std::vector<uint8_t> bytes_;
  std::vector<double> values_;
};

/// A vector that begins 4 bytes off any alignment that vectors have.
class Misaligned {
 public:
  explicit Misaligned(const std::vector<float>& values) : floats_(values.size() + 1) {
    std::copy(values.begin(), values.end(), floats_.begin() + 1);
  }
  explicit Misaligned(int64_t count) : floats_(count + 1, std::nanf("")) {}
  float* data() { return floats_.data() + 1; }
  std::vector<float> values() const { return {floats_.begin() + 1, floats_.end()}; }

 private:
  std::vector<float> floats_;
};

}  // namespace calotype::testing

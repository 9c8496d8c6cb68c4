#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <span>

namespace calotype {

/// numpy's RandomState of an integer seed; only its low 32 bits count.
class NumpyRng {
 public:
  explicit NumpyRng(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}

  /// random_sample: uniform in [0, 1), of 53 bits.
  double uniform();
  /// randn: the polar method, whose second number waits for the next call. As f32 they are rounded.
  void normal(std::span<double> out);
  void normal(std::span<float> out);

 private:
  double next_normal();

  std::mt19937 engine_;
  std::optional<double> waiting_;
};

/// Words of numpy's SeedSequence with a pool of 24: seeds that are spread far apart, for an address below `entropy`.
/// The same inputs give the same words.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t entropy);
  SeedSequence(uint64_t entropy, std::array<uint64_t, 2> spawn_key);

  /// generate_state: word `index` of the output; words must be asked for from 0 on.
  uint32_t next();

 private:
  static constexpr size_t kPool = 24;
  void fill(std::span<const uint32_t> words);

  std::array<uint32_t, kPool> pool_{};
  uint32_t constant_ = 0x8b51f9dd;
  size_t used_ = 0;
};

}  // namespace calotype

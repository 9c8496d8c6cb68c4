#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "base/box_muller.h"
#include "base/dtype.h"

namespace calotype {

/// How torch fills sixteen or more f16 or bf16 normals. It changed; the two give unrelated numbers.
enum class HalfFill {
  rounded,  ///< f32 normals, rounded at the end (torch 2.15); the last 16 of a length that is no multiple differ from
            ///< f32
  native,   ///< uniforms of 11 or 8 bits, and every function rounded to the type (torch 1.13)
};

/// torch's generator on the CPU: the same seed gives the same numbers, bit for bit where torch's own do not depend on
/// the machine's C library. Copies go on independently. Not thread-safe.
class Rng {
 public:
  /// Only the low 32 bits of a seed count, so -1 is 4294967295 and 2^32 is 0.
  explicit Rng(uint64_t seed, NormalKernel kernel = NormalKernel::vector);

  uint32_t next32() { return static_cast<uint32_t>(engine_()); }
  uint64_t next64();
  /// torch.rand: uniform in [0, 1), of 24 and of 53 bits.
  float uniform();
  double uniform64();
  /// torch.randint(0, bound): `bound` is in [1, 2^32).
  uint32_t below(uint32_t bound);
  /// torch.randperm(count)
  std::vector<int64_t> permutation(int64_t count);

  /// torch.randn. Sixteen elements and more are made in blocks; fewer come one by one, in double precision, and the
  /// second of a pair waits in the generator for the next such call.
  void normal(std::span<float> out);
  void normal(std::span<double> out);
  void normal(std::span<Float16> out, HalfFill fill = HalfFill::rounded);
  void normal(std::span<BFloat16> out, HalfFill fill = HalfFill::rounded);

 private:
  double next_normal();
  template <class T>
  void few_normals(std::span<T> out);
  template <class T>
  void block_normals(std::span<T> out);
  template <class Half>
  void half_normals(std::span<Half> out, HalfFill fill);

  std::mt19937 engine_;
  std::optional<double> waiting_;
  NormalKernel kernel_;
};

/// Philox 4x32 with ten rounds (Salmon et al. 2011): four words that are a function of counter and key alone.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Random numbers that are a function of their address: `seed`, `stream` (what they are for) and `index` (which step or
/// sample). Any number can be had without those before it, so a run that is cut off goes on with the very same draws,
/// and work may be split over threads in any way. The same bits on every machine. 2^34 words per address.
class CounterRng {
 public:
  CounterRng(uint64_t seed, uint32_t stream, uint64_t index)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, stream, static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32)} {}

  uint32_t next32();
  uint64_t next64();
  /// Uniform in [0, 1), of 24 and of 53 bits.
  float uniform();
  double uniform64();
  /// Uniform in [0, bound), without bias; `bound` is at least 1.
  uint64_t below(uint64_t bound);
  void normal(std::span<float> out);
  /// A uniformly random order of 0 .. count - 1 (Fisher and Yates).
  std::vector<int64_t> permutation(int64_t count);

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> words_{};
  int used_ = 4;
};

}  // namespace calotype

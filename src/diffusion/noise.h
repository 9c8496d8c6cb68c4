#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "diffusion/sampler.h"
#include "tensor/tensor.h"

namespace calotype {

/// Whose random numbers a seed stands for.
enum class NoiseSource {
  torch_cpu,
  torch_cuda,  ///< Philox; equal to a graphics card's while a draw is no larger than what it launches at once
  numpy,
};
const char* name_of(NoiseSource source);
/// "torch-cpu", "torch-cuda", "numpy", and the names of other programs.
std::optional<NoiseSource> noise_source_from(std::string_view name);

/// Normal noise for a batch in the order in which the reference programs draw it. Every draw goes on where the last one
/// of the same generator stopped.
class Noise {
 public:
  /// Picture b from a generator of its own with seeds[b]: then it does not depend on the batch it is in.
  static Noise per_picture(std::span<const uint64_t> seeds, NoiseSource source = NoiseSource::torch_cpu);
  /// seed, seed + 1, ..
  static Noise per_picture(uint64_t seed, int pictures, NoiseSource source = NoiseSource::torch_cpu);
  /// One generator draws the whole batch at once.
  static Noise whole_batch(uint64_t seed, NoiseSource source = NoiseSource::torch_cpu);

  /// [B,H,W,C], f32, drawn channel by channel. With a generator for each picture B may be less than their number: the
  /// first ones draw.
  Tensor draw(const Shape& shape);

  /// Generators begun anew with seeds that are `delta` higher: what some programs draw with once sampling begins. Paths
  /// keep the seeds that they had.
  Noise begun_anew(uint64_t delta) const;

  /// Gives a run, whose plan and options are set, its noise: `draw`, and `between` where its options ask for a path.
  /// The run keeps a reference to this.
  void serve(Sampling& run, const Shape& shape);

 private:
  using Fill = std::function<void(std::span<float>)>;

  std::vector<uint64_t> seeds_;
  std::vector<Fill> generators_;
  NoiseSource source_ = NoiseSource::torch_cpu;
  bool whole_ = false;
};

/// How far a recipe moves the seed once sampling begins; nothing where the generators just go on. `asked` is the web
/// interface's "eta noise seed delta".
std::optional<uint64_t> later_seed_delta(Recipe recipe, uint64_t asked);

/// The first noise of a variation: from `noise` towards `other` by `strength` in 0 .. 1, along the arc between columns
/// of a channel (the web interface's rule). [B,H,W,C], f32.
Tensor varied(const Tensor& noise, const Tensor& other, double strength);

}  // namespace calotype

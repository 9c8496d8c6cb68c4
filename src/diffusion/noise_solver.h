#pragma once

#include "diffusion/sampler.h"

namespace calotype {

/// DPM-Solver in single steps over -ln sigma (Lu et al. 2022), which steps with the guessed noise and calls the network
/// in between: what DPM fast and DPM adaptive are made of (k-diffusion). Variance exploding. Calls are kept, so steps
/// of several orders from one state share them.
class NoiseSolver {
 public:
  /// From x at `from`, whose guess is known, to sigma `next`.
  NoiseSolver(const Sampling& run, const Level& from, const Tensor& x, const Tensor& clean, double next);

  /// Order 1 to 3. The first call in between stands at 1/2 of the way for order 2 unless told, at 1/3 for order 3.
  Tensor step(int order, double first_at = 0.5);

 private:
  /// The guessed noise at a share of the way, for the state that is there.
  Tensor noise_at(double share, const Tensor& state) const;
  double sigma_at(double share) const;

  const Sampling& run_;
  double sigma_, next_, h_;
  Tensor x_, noise_, between_;  // `between_`: the noise at the first call in between
  double between_at_ = 0;
};

}  // namespace calotype

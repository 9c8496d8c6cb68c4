#pragma once

#include <cmath>

namespace calotype {

/// A level of noise: x = signal * clean + noise * N(0, 1). The same picture may be held in two coordinates: "variance
/// preserving", where signal^2 + noise^2 = 1, and "variance exploding", where signal = 1 and noise = sigma.
struct Level {
  double signal = 1;
  double noise = 0;
  double time = 0;  ///< what the network is told: 0 .. 999, perhaps with a fraction

  /// Infinite where nothing of the picture is left.
  double sigma() const { return noise / signal; }
  /// Half the logarithm of the signal-to-noise ratio; infinite without noise.
  double lambda() const { return std::log(signal / noise); }
  /// What brings x to variance-preserving coordinates, in which the network reads it.
  double input_scale() const { return 1 / std::hypot(signal, noise); }
};

/// One step of a sampler. `to` need not be where the next step begins.
struct Step {
  Level from, to;
};

inline Level exploding(double sigma, double time) {
  return {1, sigma, time};
}
inline Level preserving(double sigma, double time) {
  const double signal = 1 / std::sqrt(1 + sigma * sigma);
  return {signal, sigma * signal, time};
}

}  // namespace calotype

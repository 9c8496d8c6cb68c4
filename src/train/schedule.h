#pragma once

#include <cstdint>

namespace calotype {

/// The learning rate over a run: a linear rise over `warmup` steps, `base` until `decay_from` of the run is over, then
/// half a cosine down to `floor` of it.
struct LearningRate {
  double base = 1e-3;
  int64_t warmup = 100;
  int64_t total = 10000;
  double decay_from = 0.5;  // share of the run
  double floor = 0.03;      // share of the base

  /// The rate of the update after `done` completed ones.
  double at(int64_t done) const;
};

/// The decay of an average of weights at its n-th update, n from 1.
struct EmaDecay {
  enum class Kind {
    ldm,    // min(cap, (1 + n) / (10 + n))
    power,  // min(cap, 1 - (1 + n)^-power): diffusers' warm-up with inverse gamma 1
  };
  Kind kind = Kind::ldm;
  double cap = 0.999;
  double power = 0.75;

  double at(int64_t update) const;
};

}  // namespace calotype

#pragma once

#include <vector>

#include "diffusion/sampler.h"

namespace calotype {

// What several samplers are made of.

/// A step that goes further down than asked and comes back up with fresh noise: down^2 + up^2 = next^2.
struct Ancestral {
  double down, up;
};
/// `sigma` may be infinite. Exact also where `next` is far below `sigma`.
Ancestral ancestral(double sigma, double next, double eta);

/// The state a step begins with, once churn was added to it, and its level.
struct Churned {
  Tensor x;
  Level at;
};
/// How much of sigma churn adds at a level: 0 where it is off.
double churn_share(const Sampling& run, const Level& at);
Churned churned(const Sampling& run, size_t index, Tensor x);

/// Heun's step from `at` to `to` (Karras et al. 2022, algorithm 1), given the guess at its beginning; onto a level
/// without noise one of Euler. Variance exploding.
Tensor heun_step(const Sampling& run, const Tensor& x, const Tensor& clean, const Level& at, const Level& to);

/// Guesses, or outputs, at the levels of earlier steps: the newest first.
struct Remembered {
  Level at;
  Tensor value;
};

/// The order that a multistep solver takes at step `index` with so many outputs, the fresh one among them.
int multistep_order(const Sampling& run, size_t index, size_t remembered);

/// Divided differences of remembered values over lambda, in units of `h`: what second and third order add.
struct Differences {
  Tensor first, second;  ///< none where the order is lower
};
Differences differences(const std::vector<Remembered>& past, int order, double h);

/// Puts in front, and forgets what is beyond `most`.
void remember(std::vector<Remembered>& past, Remembered fresh, size_t most);

}  // namespace calotype

#pragma once

#include <vector>

#include "diffusion/level.h"

namespace calotype {

/// How the variances of the training steps rise. The original code calls scaled_linear "linear", and linear
/// "sqrt_linear".
enum class BetaKind { scaled_linear, linear, squared_cosine };

/// The variances beta_t, t = 0 .. steps - 1. squared_cosine has no use for `start` and `end`.
std::vector<double> betas(BetaKind kind, double start, double end, int steps = 1000);

/// Rescaled so that the last step leaves no signal: "zero terminal SNR" (Lin et al. 2023, algorithm 1).
std::vector<double> zero_terminal_snr(const std::vector<double>& betas);

/// The noise levels that a network was trained on. Immutable.
class NoiseSchedule {
 public:
  /// Throws `bad_input` unless there are two betas or more, all of them in [0, 1].
  explicit NoiseSchedule(const std::vector<double>& betas);
  /// Stable Diffusion 1 and 2: scaled_linear from 0.00085 to 0.012.
  static NoiseSchedule stable_diffusion(bool with_zero_terminal_snr = false);

  /// As k-diffusion has it: shares of signal rounded to f32, and sigma worked out from them in f32. Where little is
  /// noise, the rounding of 1 - share weighs most: sigma_0 of Stable Diffusion is 1.3e-5 higher, and sigmas laid
  /// between the ends of the range follow it.
  NoiseSchedule in_single_precision() const;

  int size() const { return static_cast<int>(alphas_cumprod_.size()); }
  /// The share of variance that is signal after step t, falling; may end at 0.
  const std::vector<double>& alphas_cumprod() const { return alphas_cumprod_; }
  /// Step t of training, variance preserving.
  Level at(int time) const;

  /// sigma_t, t = 0 .. size - 1, rising. A level without signal counts as one with a share of 2^-24, as the samplers
  /// that work with sigma have it.
  const std::vector<double>& sigmas() const { return sigmas_; }
  double lowest_sigma() const { return sigmas_.front(); }
  double highest_sigma() const { return sigmas_.back(); }
  /// Between two steps: the line through sigma (diffusers), or through ln sigma (k-diffusion). Clamped to the table.
  double sigma_linear(double time) const;
  double sigma_log_linear(double time) const;
  /// The inverse of `sigma_log_linear`, clamped.
  double time_of(double sigma) const;

 private:
  std::vector<double> alphas_cumprod_, sigmas_, log_sigmas_;
};

}  // namespace calotype

#pragma once

#include <vector>

#include "diffusion/schedule.h"

namespace calotype {

// Noise levels for `count` calls, falling from the first to the last that a network is called at. What comes after the
// last, 0 as a rule, is not among them. `low` and `high` are the ends of the range; with one level it is `high`.

/// Karras et al. 2022, equation 5.
std::vector<double> karras_sigmas(int count, double low, double high, double rho = 7);
/// Even in ln sigma.
std::vector<double> exponential_sigmas(int count, double low, double high);
/// ln sigma along a power: rho 1 is exponential.
std::vector<double> polyexponential_sigmas(int count, double low, double high, double rho = 1);
/// Quantiles of the distribution Beta(alpha, beta): dense at both ends (Lee et al. 2024).
std::vector<double> beta_sigmas(int count, double low, double high, double alpha = 0.6, double beta = 0.6);
/// Even in atan sigma (Sabour et al. 2024); `count` levels above the last one, which is `low`.
std::vector<double> kl_optimal_sigmas(int count, double low, double high);
/// Of the variance-preserving SDE of Song et al. 2021.
std::vector<double> vp_sigmas(int count, double beta_d = 19.9, double beta_min = 0.1, double epsilon = 1e-3);
/// Eleven levels found by optimisation for Stable Diffusion 1.5 (Sabour et al. 2024), log-linear between them.
std::vector<double> align_your_steps_sigmas(int count);

/// Even in time, from the last to the first.
std::vector<double> uniform_sigmas(const NoiseSchedule& schedule, int count);
/// Even in time for one more, the last left out.
std::vector<double> sgm_uniform_sigmas(const NoiseSchedule& schedule, int count);
/// Entries of the table at an even stride from its end.
std::vector<double> simple_sigmas(const NoiseSchedule& schedule, int count);
/// Entries of the table at an even stride from its second on; may be more than `count`.
std::vector<double> ddim_uniform_sigmas(const NoiseSchedule& schedule, int count);

/// u with I_u(a, b) = p, where I is the regularised incomplete beta function; p in [0, 1], a and b > 0. To about 1e-14.
double beta_quantile(double p, double a, double b);

}  // namespace calotype

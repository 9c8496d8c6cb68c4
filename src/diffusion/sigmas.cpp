#include "diffusion/sigmas.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace calotype {
namespace {

/// `count` values of level(u) for u even from 0 to 1. What is exact at the ends stays exact.
template <class Function>
std::vector<double> along(int count, double first, double last, Function level) {
  require(count >= 1, ErrorKind::bad_input, "steps: {} is less than 1", count);
  std::vector<double> sigmas(count);
  for (int i = 1; i + 1 < count; ++i) sigmas[i] = level(i * 1.0 / (count - 1));
  sigmas.back() = last;
  sigmas.front() = first;
  return sigmas;
}

void check_range(double low, double high) {
  require(low > 0 && low <= high, ErrorKind::bad_input, "sigmas: the range {} .. {} must rise from above 0", low, high);
}

}  // namespace

std::vector<double> karras_sigmas(int count, double low, double high, double rho) {
  check_range(low, high);
  const double from = std::pow(high, 1 / rho), to = std::pow(low, 1 / rho);
  return along(count, high, low, [&](double u) { return std::pow(from + u * (to - from), rho); });
}

std::vector<double> exponential_sigmas(int count, double low, double high) {
  return polyexponential_sigmas(count, low, high, 1);
}

std::vector<double> polyexponential_sigmas(int count, double low, double high, double rho) {
  check_range(low, high);
  const double range = std::log(high / low);
  return along(count, high, low, [&](double u) { return low * std::exp(std::pow(1 - u, rho) * range); });
}

std::vector<double> beta_sigmas(int count, double low, double high, double alpha, double beta) {
  check_range(low, high);
  return along(count, high, low, [&](double u) { return low + beta_quantile(1 - u, alpha, beta) * (high - low); });
}

std::vector<double> kl_optimal_sigmas(int count, double low, double high) {
  check_range(low, high);
  std::vector<double> sigmas =
      along(count + 1, high, low, [&](double u) { return std::tan(u * std::atan(low) + (1 - u) * std::atan(high)); });
  sigmas.pop_back();
  return sigmas;
}

std::vector<double> vp_sigmas(int count, double beta_d, double beta_min, double epsilon) {
  const auto level = [&](double time) { return std::sqrt(std::expm1(beta_d * time * time / 2 + beta_min * time)); };
  return along(count, level(1), level(epsilon), [&](double u) { return level(1 + u * (epsilon - 1)); });
}

std::vector<double> align_your_steps_sigmas(int count) {
  constexpr std::array<double, 11> kLevels = {14.615, 6.475, 3.861, 2.697, 1.886, 1.396,
                                              0.963,  0.652, 0.399, 0.152, 0.029};
  const auto level = [&](double u) {
    const double place = u * (kLevels.size() - 1);
    const size_t index = std::min(static_cast<size_t>(place), kLevels.size() - 2);
    const double part = place - static_cast<double>(index);
    return std::exp(std::log(kLevels[index]) * (1 - part) + std::log(kLevels[index + 1]) * part);
  };
  // The reference interpolates from the small end, so that one level is the smallest.
  return along(count, count == 1 ? kLevels.back() : kLevels.front(), kLevels.back(), level);
}

std::vector<double> uniform_sigmas(const NoiseSchedule& schedule, int count) {
  const double last = schedule.size() - 1;
  return along(count, schedule.highest_sigma(), schedule.lowest_sigma(),
               [&](double u) { return schedule.sigma_log_linear(last * (1 - u)); });
}

std::vector<double> sgm_uniform_sigmas(const NoiseSchedule& schedule, int count) {
  std::vector<double> sigmas = uniform_sigmas(schedule, count + 1);
  sigmas.pop_back();
  return sigmas;
}

std::vector<double> simple_sigmas(const NoiseSchedule& schedule, int count) {
  require(count >= 1 && count <= schedule.size(), ErrorKind::bad_input, "steps: {} is outside of 1 .. {}", count,
          schedule.size());
  std::vector<double> sigmas;
  for (int i = 0; i < count; ++i) {
    const int from_end = 1 + static_cast<int>(i * (schedule.size() * 1.0 / count));
    sigmas.push_back(schedule.sigmas()[schedule.size() - from_end]);
  }
  return sigmas;
}

std::vector<double> ddim_uniform_sigmas(const NoiseSchedule& schedule, int count) {
  require(count >= 1, ErrorKind::bad_input, "steps: {} is less than 1", count);
  std::vector<double> sigmas;
  for (int time = 1; time < schedule.size(); time += std::max(schedule.size() / count, 1))
    sigmas.push_back(schedule.sigmas()[time]);
  std::reverse(sigmas.begin(), sigmas.end());
  return sigmas;
}

}  // namespace calotype

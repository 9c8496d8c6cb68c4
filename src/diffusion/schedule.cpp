#include "diffusion/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace calotype {
namespace {

std::vector<double> products(const std::vector<double>& betas) {
  std::vector<double> result;
  result.reserve(betas.size());
  double product = 1;
  for (const double beta : betas) result.push_back(product *= 1 - beta);
  return result;
}

double interpolated(const std::vector<double>& table, double place) {
  place = std::clamp(place, 0.0, static_cast<double>(table.size() - 1));
  const size_t low = std::min(static_cast<size_t>(place), table.size() - 2);
  const double part = place - static_cast<double>(low);
  return table[low] * (1 - part) + table[low + 1] * part;
}

}  // namespace

std::vector<double> betas(BetaKind kind, double start, double end, int steps) {
  check(steps >= 2, "betas: a schedule has two steps or more, not {}", steps);
  std::vector<double> result(steps);
  const auto line = [&](double a, double b, int i) { return a + (b - a) * i / (steps - 1); };
  const auto cosine = [](double u) {
    const double root = std::cos((u + 0.008) / 1.008 * std::numbers::pi / 2);
    return root * root;
  };
  for (int i = 0; i < steps; ++i) {
    switch (kind) {
      case BetaKind::scaled_linear: {
        const double root = line(std::sqrt(start), std::sqrt(end), i);
        result[i] = root * root;
        break;
      }
      case BetaKind::linear:
        result[i] = line(start, end, i);
        break;
      case BetaKind::squared_cosine:
        result[i] = std::min(1 - cosine((i + 1.0) / steps) / cosine(i * 1.0 / steps), 0.999);
        break;
    }
  }
  return result;
}

std::vector<double> zero_terminal_snr(const std::vector<double>& betas) {
  const std::vector<double> shares = products(betas);
  const double first = std::sqrt(shares.front()), last = std::sqrt(shares.back());
  std::vector<double> result(betas.size());
  double before = 1;
  for (size_t t = 0; t < betas.size(); ++t) {
    const double signal = (std::sqrt(shares[t]) - last) * first / (first - last);
    result[t] = 1 - signal * signal / before;
    before = signal * signal;
  }
  return result;
}

NoiseSchedule::NoiseSchedule(const std::vector<double>& betas) : alphas_cumprod_(products(betas)) {
  require(betas.size() >= 2, ErrorKind::bad_input, "noise schedule: needs two steps or more, has {}", betas.size());
  for (size_t t = 0; t < betas.size(); ++t)
    require(betas[t] >= 0 && betas[t] <= 1, ErrorKind::bad_input, "noise schedule: beta {} is {}, outside of 0 .. 1", t,
            betas[t]);
  for (const double share : alphas_cumprod_) {
    const double floored = std::max(share, 0x1p-24);
    sigmas_.push_back(std::sqrt((1 - floored) / floored));
    log_sigmas_.push_back(std::log(sigmas_.back()));
  }
}

NoiseSchedule NoiseSchedule::in_single_precision() const {
  NoiseSchedule schedule = *this;
  for (size_t t = 0; t < alphas_cumprod_.size(); ++t) {
    const float share = static_cast<float>(std::max(alphas_cumprod_[t], 0x1p-24));
    schedule.alphas_cumprod_[t] = static_cast<float>(alphas_cumprod_[t]);
    schedule.sigmas_[t] = std::sqrt((1 - share) / share);
    schedule.log_sigmas_[t] = std::log(schedule.sigmas_[t]);
  }
  return schedule;
}

NoiseSchedule NoiseSchedule::stable_diffusion(bool with_zero_terminal_snr) {
  const std::vector<double> plain = betas(BetaKind::scaled_linear, 0.00085, 0.012);
  return NoiseSchedule(with_zero_terminal_snr ? zero_terminal_snr(plain) : plain);
}

Level NoiseSchedule::at(int time) const {
  check(time >= 0 && time < size(), "noise schedule: there is no step {}, the last is {}", time, size() - 1);
  const double share = alphas_cumprod_[time];
  return {std::sqrt(share), std::sqrt(1 - share), static_cast<double>(time)};
}

double NoiseSchedule::sigma_linear(double time) const {
  return interpolated(sigmas_, time);
}
double NoiseSchedule::sigma_log_linear(double time) const {
  return std::exp(interpolated(log_sigmas_, time));
}

double NoiseSchedule::time_of(double sigma) const {
  const double log_sigma = std::log(sigma);
  const auto above = std::upper_bound(log_sigmas_.begin() + 1, log_sigmas_.end() - 1, log_sigma);
  const double low = *(above - 1), high = *above;
  const double part = std::clamp((log_sigma - low) / (high - low), 0.0, 1.0);
  return static_cast<double>(above - 1 - log_sigmas_.begin()) + part;
}

}  // namespace calotype

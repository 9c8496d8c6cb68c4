#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace calotype {

double LearningRate::at(int64_t done) const {
  const double n = static_cast<double>(done), whole = static_cast<double>(total);
  const double rise = std::min(1.0, (n + 1) / std::max<double>(1, static_cast<double>(warmup)));
  const double start = decay_from * whole;
  if (n <= start || whole <= start) return base * rise;
  const double fallen = 0.5 * (1 + std::cos(std::numbers::pi * std::min(1.0, (n - start) / (whole - start))));
  return base * rise * (floor + (1 - floor) * fallen);
}

double EmaDecay::at(int64_t update) const {
  const double n = static_cast<double>(update);
  if (kind == Kind::ldm) return std::min(cap, (1 + n) / (10 + n));
  return std::clamp(1 - std::pow(1 + n, -power), 0.0, cap);
}

}  // namespace calotype

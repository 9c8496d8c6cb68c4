#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/formula.h"
#include "base/isa.h"
#include "base/parallel.h"

namespace calotype::testing {

constexpr double kEpsilon = 0x1p-23;  // of f32: twice the largest rounding error

/// Runs the body once per instruction set of this processor, `scalar` included.
inline void for_each_isa(const std::function<void()>& body) {
  const Isa before = isa();
  for (Isa choice : supported_isas()) {
    SCOPED_TRACE(name_of(choice));
    force_isa(choice);
    body();
  }
  force_isa(before);
}

/// Expects the same bits from the body with 1, 2 and 4 threads.
inline void expect_same_bits_for_any_threads(const std::function<std::vector<float>()>& body) {
  set_thread_count(1);
  const std::vector<float> one = body();
  for (int threads : {2, 4}) {
    set_thread_count(threads);
    const std::vector<float> more = body();
    ASSERT_EQ(one.size(), more.size());
    EXPECT_EQ(0, std::memcmp(one.data(), more.data(), one.size() * sizeof(float))) << threads << " threads";
  }
  set_thread_count(0);
}

/// Noise of unit variance, the same for the same name.
inline std::vector<float> noise(std::string_view name, int64_t count, float scale = 1, float offset = 0) {
  std::vector<float> out(count);
  fill_formula_noise(name, out);
  for (float& v : out) v = v * scale + offset;
  return out;
}

inline std::vector<double> widened(const std::vector<float>& x) {
  return {x.begin(), x.end()};
}

/// The largest |a[i] - b[i]| / allowed[i], or infinity where a is no number.
inline double worst(const std::vector<float>& a, const std::vector<double>& b,
                    const std::function<double(size_t)>& allowed) {
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(double(a[i]) - b[i]) / allowed(i);
    worst = std::max(worst, std::isfinite(a[i]) ? error : INFINITY);
  }
  return worst;
}

/// The derivative of loss by x[i], from the two sides of it.
inline double central_difference(std::vector<double>& x, size_t i, const std::function<double()>& loss,
                                 double step = 1e-5) {
  const double at = x[i];
  x[i] = at + step;
  const double above = loss();
  x[i] = at - step;
  const double below = loss();
  x[i] = at;
  return (above - below) / (2 * step);
}

}  // namespace calotype::testing

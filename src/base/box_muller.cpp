#include "base/box_muller.h"

#include <cmath>
#include <numbers>

namespace calotype {
namespace {

// The next two functions are the single-precision logarithm, sine and cosine of the Cephes library in the arithmetic of
// fused multiply-adds. Every rounding counts: a multiply and an add that are written apart here stay apart.

float vector_log(float x) {
  int exponent;
  float m = std::frexp(x, &exponent);
  if (m < 0.707106781186547524f) {
    exponent -= 1;
    m = (m - 1) + m;
  } else {
    m -= 1;
  }
  constexpr float kTerms[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                              -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                              2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  float y = kTerms[0];
  for (int i = 1; i < 9; ++i) y = std::fma(y, m, kTerms[i]);
  y *= m;
  const float z = m * m;
  const float e = static_cast<float>(exponent);
  y = std::fma(y, z, e * -2.12194440e-4f);
  y = std::fma(-z, 0.5f, y);
  return std::fma(e, 0.693359375f, m + y);
}

struct SineCosine {
  float sine, cosine;
};

/// `angle` is in [0, 2 pi).
SineCosine vector_sine_cosine(float angle) {
  const int j = (static_cast<int>(angle * 1.27323954473516f) + 1) & ~1;
  const float octant = static_cast<float>(j);
  float x = std::fma(octant, -0.78515625f, angle);
  x = std::fma(octant, -2.4187564849853515625e-4f, x);
  x = std::fma(octant, -3.77489497744594108e-8f, x);
  const float z = x * x;

  float c = std::fma(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  c = std::fma(c, z, 4.166664568298827e-2f) * z;
  c = std::fma(c, z, -(0.5f * z)) + 1;
  float s = std::fma(-1.9515295891e-4f, z, 8.3321608736e-3f);
  s = std::fma(s, z, -1.6666654611e-1f) * z;
  s = std::fma(s, x, x);

  float sine = j & 2 ? c : s, cosine = j & 2 ? s : c;
  if (j & 4) sine = -sine;
  if (!((j - 2) & 4)) cosine = -cosine;
  return {sine, cosine};
}

}  // namespace

void box_muller_16(std::span<float, 16> block, NormalKernel kernel) {
  for (int j = 0; j < 8; ++j) {
    const float u = 1 - block[j], turn = block[j + 8];
    if (kernel == NormalKernel::vector) {
      const float radius = std::sqrt(-2 * vector_log(u));
      const SineCosine point = vector_sine_cosine(static_cast<float>(2 * std::numbers::pi) * turn);
      block[j] = radius * point.cosine;
      block[j + 8] = radius * point.sine;
    } else {
      const float radius = std::sqrt(-2 * std::log(u));
      const float angle = static_cast<float>(2 * std::numbers::pi * turn);
      block[j] = radius * std::cos(angle);
      block[j + 8] = radius * std::sin(angle);
    }
  }
}

void box_muller_16(std::span<double, 16> block) {
  for (int j = 0; j < 8; ++j) {
    const double radius = std::sqrt(-2 * std::log(1 - block[j]));
    const double angle = 2 * std::numbers::pi * block[j + 8];
    block[j] = radius * std::cos(angle);
    block[j + 8] = radius * std::sin(angle);
  }
}

}  // namespace calotype

// The one-dimensional transforms of F(4, 3) at the points 0, ±P, ±Q, ∞ with P = √½, Q = √2, on one vector of channels.
// Two-dimensional ones apply them to columns, then to rows. P² Q² = 1 and P² + Q² = 2.5 make them short.
#if defined(CALOTYPE_KERNELS_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_WINOGRAD_INL_H_
#undef CALOTYPE_KERNELS_WINOGRAD_INL_H_
#else
#define CALOTYPE_KERNELS_WINOGRAD_INL_H_
#endif

#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

inline constexpr float kP = 0.70710678118654752f, kQ = 1.41421356237309505f;
inline constexpr float kP3 = 0.35355339059327376f, kQ3 = 2.82842712474619010f;

HWY_INLINE FloatVec constant(float value) {
  return hn::Set(kFloat, value);
}

/// Bᵀ d: six pixels to six points.
struct InputPoints {
  static constexpr int kFrom = 6, kTo = 6;
  HWY_INLINE void operator()(const FloatVec (&d)[6], FloatVec (&v)[6]) const {
    const FloatVec p = constant(kP), q = constant(kQ), half = constant(0.5f), two = constant(2.0f), s = constant(2.5f);
    v[0] = hn::Add(d[0], hn::NegMulAdd(s, d[2], d[4]));
    const FloatVec a = hn::NegMulAdd(two, d[2], d[4]), b = hn::NegMulAdd(two, d[1], d[3]);
    v[1] = hn::MulAdd(p, b, a);
    v[2] = hn::NegMulAdd(p, b, a);
    const FloatVec c = hn::NegMulAdd(half, d[2], d[4]), e = hn::NegMulAdd(half, d[1], d[3]);
    v[3] = hn::MulAdd(q, e, c);
    v[4] = hn::NegMulAdd(q, e, c);
    v[5] = hn::Add(d[1], hn::NegMulAdd(s, d[3], d[5]));
  }
};

/// G g: three taps to six points.
struct WeightPoints {
  static constexpr int kFrom = 3, kTo = 6;
  HWY_INLINE void operator()(const FloatVec (&g)[3], FloatVec (&u)[6]) const {
    const FloatVec third = constant(1.0f / 3), minus_two_thirds = constant(-2.0f / 3), sixth = constant(1.0f / 6);
    u[0] = g[0];
    const FloatVec a = hn::NegMulAdd(third, g[2], hn::Mul(minus_two_thirds, g[0]));
    const FloatVec b = hn::Mul(constant(-2.0f / 3 * kP), g[1]);
    u[1] = hn::Add(a, b);
    u[2] = hn::Sub(a, b);
    const FloatVec c = hn::MulAdd(third, g[2], hn::Mul(sixth, g[0])), e = hn::Mul(constant(kQ / 6), g[1]);
    u[3] = hn::Add(c, e);
    u[4] = hn::Sub(c, e);
    u[5] = g[2];
  }
};

/// Aᵀ m: six points to four pixels.
struct OutputPixels {
  static constexpr int kFrom = 6, kTo = 4;
  HWY_INLINE void operator()(const FloatVec (&m)[6], FloatVec (&y)[4]) const {
    const FloatVec s1 = hn::Add(m[1], m[2]), t1 = hn::Sub(m[1], m[2]), s2 = hn::Add(m[3], m[4]),
                   t2 = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], s1), s2);
    y[1] = hn::MulAdd(constant(kP), t1, hn::Mul(constant(kQ), t2));
    y[2] = hn::MulAdd(constant(0.5f), s1, hn::Add(s2, s2));
    y[3] = hn::MulAdd(constant(kP3), t1, hn::MulAdd(constant(kQ3), t2, m[5]));
  }
};

/// A y: the transpose of OutputPixels.
struct GradientPoints {
  static constexpr int kFrom = 4, kTo = 6;
  HWY_INLINE void operator()(const FloatVec (&y)[4], FloatVec (&m)[6]) const {
    m[0] = y[0];
    const FloatVec a = hn::MulAdd(constant(0.5f), y[2], y[0]);
    const FloatVec b = hn::MulAdd(constant(kP3), y[3], hn::Mul(constant(kP), y[1]));
    m[1] = hn::Add(a, b);
    m[2] = hn::Sub(a, b);
    const FloatVec c = hn::MulAdd(constant(2.0f), y[2], y[0]);
    const FloatVec e = hn::MulAdd(constant(kQ3), y[3], hn::Mul(constant(kQ), y[1]));
    m[3] = hn::Add(c, e);
    m[4] = hn::Sub(c, e);
    m[5] = y[3];
  }
};

/// Gᵀ u: the transpose of WeightPoints.
struct GradientTaps {
  static constexpr int kFrom = 6, kTo = 3;
  HWY_INLINE void operator()(const FloatVec (&u)[6], FloatVec (&g)[3]) const {
    const FloatVec s1 = hn::Add(u[1], u[2]), t1 = hn::Sub(u[1], u[2]), s2 = hn::Add(u[3], u[4]),
                   t2 = hn::Sub(u[3], u[4]);
    g[0] = hn::MulAdd(constant(-2.0f / 3), s1, hn::MulAdd(constant(1.0f / 6), s2, u[0]));
    g[1] = hn::MulAdd(constant(-2.0f / 3 * kP), t1, hn::Mul(constant(kQ / 6), t2));
    g[2] = hn::MulAdd(constant(1.0f / 3), hn::Sub(s2, s1), u[5]);
  }
};

/// A two-dimensional transform: load(row, column) gives a vector, store(row, column, vector) takes one.
template <class Pass, class Load, class Store>
HWY_INLINE void both_ways(const Load& load, const Store& store) {
  constexpr int kFrom = Pass::kFrom, kTo = Pass::kTo;
  constexpr Pass pass;
  FloatVec half[kTo][kFrom];
  CALOTYPE_UNROLL
  for (int x = 0; x < kFrom; ++x) {
    FloatVec from[kFrom], to[kTo];
    CALOTYPE_UNROLL
    for (int y = 0; y < kFrom; ++y) from[y] = load(y, x);
    pass(from, to);
    CALOTYPE_UNROLL
    for (int y = 0; y < kTo; ++y) half[y][x] = to[y];
  }
  CALOTYPE_UNROLL
  for (int y = 0; y < kTo; ++y) {
    FloatVec to[kTo];
    pass(half[y], to);
    CALOTYPE_UNROLL
    for (int x = 0; x < kTo; ++x) store(y, x, to[x]);
  }
}

/// The 36 matrices of a block of tiles or of a panel of weights: row r of matrix i begins at data[i * matrix + r *
/// row].
struct Points {
  float* data;
  int64_t matrix, row;
};

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

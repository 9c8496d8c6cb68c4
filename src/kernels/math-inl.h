// exp, log, erf, tanh and the activations made of them, over vectors of f32. Included once per instruction set.
//
// The polynomials were fitted for this file, minimax in relative error over the ranges they name; their own errors are
// below half a unit of f32, so what is left is rounding. A NaN goes in and comes out.
#if defined(CALOTYPE_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CALOTYPE_KERNELS_MATH_INL_H_
#undef CALOTYPE_KERNELS_MATH_INL_H_
#else
#define CALOTYPE_KERNELS_MATH_INL_H_
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The polynomial of x whose coefficients stand highest power first.
template <class D, class V = hn::Vec<D>, class... Rest>
HWY_INLINE V polynomial(D d, V x, float highest, Rest... rest) {
  V sum = hn::Set(d, highest);
  ((sum = hn::MulAdd(sum, x, hn::Set(d, rest))), ...);
  return sum;
}

// Added to a number of moderate size, it leaves the nearest whole number in the low bits of the sum.
constexpr float kRounder = 0x1.8p23f;

// 2^(n + fraction) for n = rounded - kRounder in [-126, 127] and a fraction in [-0.5, 0.5].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_of_parts(D d, V rounded, V fraction) {
  const hn::Rebind<int32_t, D> whole;
  const V p = polynomial(d, fraction, 1.535242478e-4f, 1.339883839e-3f, 9.618440908e-3f, 5.55033258e-2f, 0.2402264788f,
                         0.6931472028f, 1.0f);
  return hn::BitCast(d, hn::Add(hn::BitCast(whole, p), hn::ShiftLeft<23>(hn::BitCast(whole, rounded))));
}

/// 2^x for x <= 127.4; below -126 the result stays at 2^-126, so no denormals arise. Relative error 8e-8.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2(D d, V x) {
  x = hn::Max(hn::Set(d, -126.0f), x);  // in this order a NaN is kept
  const V rounded = hn::Add(x, hn::Set(d, kRounder));
  return exp2_of_parts(d, rounded, hn::Sub(x, hn::Sub(rounded, hn::Set(d, kRounder))));
}

/// The same with a relative error of 8e-5: enough for what is rounded to bf16, 50 times as coarse, next.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp2_for_bf16(D d, V x) {
  const hn::Rebind<int32_t, D> whole;
  x = hn::Max(hn::Set(d, -126.0f), x);
  const V rounded = hn::Add(x, hn::Set(d, kRounder));
  const V fraction = hn::Sub(x, hn::Sub(rounded, hn::Set(d, kRounder)));
  const V p = polynomial(d, fraction, 5.517166907e-2f, 0.2426111222f, 0.6932609855f, 0.9999280735f);
  return hn::BitCast(d, hn::Add(hn::BitCast(whole, p), hn::ShiftLeft<23>(hn::BitCast(whole, rounded))));
}

/// e^x; above 88.3 it stays at e^88.3, below -87.3 at 2^-126. Relative error 1.2e-7.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp(D d, V x) {
  constexpr float kLog2E = 1.44269504f;
  x = hn::Min(hn::Set(d, 88.3f), hn::Max(hn::Set(d, -87.33f), x));
  const V rounded = hn::MulAdd(x, hn::Set(d, kLog2E), hn::Set(d, kRounder));
  const V n = hn::Sub(rounded, hn::Set(d, kRounder));
  // ln 2 in two parts, the first with few enough bits that n times it is exact.
  const V rest = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4f), hn::NegMulAdd(n, hn::Set(d, 0.693359375f), x));
  return exp2_of_parts(d, rounded, hn::Mul(rest, hn::Set(d, kLog2E)));
}

/// ln x for positive normal x. Error 1.2e-7 relative, or absolute where |ln x| < 1.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V log(D d, V x) {
  const hn::Rebind<int32_t, D> whole;
  // x = m * 2^n with m in [sqrt(1/2), sqrt(2)): 0x3f3504f3 is sqrt(1/2).
  const auto bits = hn::Sub(hn::BitCast(whole, x), hn::Set(whole, 0x3f3504f3));
  const V n = hn::ConvertTo(d, hn::ShiftRight<23>(bits));
  const V m = hn::BitCast(d, hn::Add(hn::And(bits, hn::Set(whole, 0x007fffff)), hn::Set(whole, 0x3f3504f3)));
  const V s = hn::Div(hn::Sub(m, hn::Set(d, 1.0f)), hn::Add(m, hn::Set(d, 1.0f)));
  const V square = hn::Mul(s, s);
  const V log_m = hn::Mul(s, polynomial(d, square, 0.2992740589f, 0.3997473339f, 0.6666681643f, 2.0f));
  return hn::MulAdd(n, hn::Set(d, 0.693359375f), hn::MulAdd(n, hn::Set(d, -2.12194440e-4f), log_m));
}

/// The error function. Relative error 2e-7; exactly -1 and 1 from |x| = 4 on.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V erf(D d, V x) {
  const V square = hn::Mul(x, x);
  const V above = polynomial(d, square, 1.911060574e-8f, -1.942166384e-6f, 1.472656587e-4f, 3.989965961e-3f,
                             5.152354731e-2f, 0.2071133678f, 1.128379095f);
  const V below = polynomial(d, square, 1.020938601e-3f, 1.495705944e-2f, 0.117966028f, 0.5168806968f, 1.0f);
  const auto far = hn::Ge(hn::Abs(x), hn::Set(d, 4.0f));
  return hn::IfThenElse(far, hn::CopySign(hn::Set(d, 1.0f), x), hn::Div(hn::Mul(x, above), below));
}

/// Relative error 2e-7; exactly -1 and 1 from |x| = 9 on.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V tanh(D d, V x) {
  const V square = hn::Mul(x, x);
  const V above = polynomial(d, square, 1.33562023e-8f, 2.061017353e-5f, 3.495653345e-3f, 0.1338108017f, 0.9999999796f);
  const V below = polynomial(d, square, 7.777183322e-7f, 3.285742257e-4f, 2.587722915e-2f, 0.4671439576f, 1.0f);
  const auto far = hn::Ge(hn::Abs(x), hn::Set(d, 9.0f));
  return hn::IfThenElse(far, hn::CopySign(hn::Set(d, 1.0f), x), hn::Div(hn::Mul(x, above), below));
}

// 1 + e^-x, held below infinity.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V one_plus_exp_of_minus(D d, V x) {
  const V power = hn::Min(hn::Set(d, 126.0f), hn::Mul(x, hn::Set(d, -1.44269504f)));
  return hn::Add(hn::Set(d, 1.0f), exp2(d, power));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V sigmoid(D d, V x) {
  return hn::Div(hn::Set(d, 1.0f), one_plus_exp_of_minus(d, x));
}

/// x sigmoid(x)
template <class D, class V = hn::Vec<D>>
HWY_INLINE V silu(D d, V x) {
  return hn::Div(x, one_plus_exp_of_minus(d, x));
}

/// d silu / dx
template <class D, class V = hn::Vec<D>>
HWY_INLINE V silu_slope(D d, V x) {
  const V s = sigmoid(d, x);
  return hn::MulAdd(hn::Mul(s, x), hn::Sub(hn::Set(d, 1.0f), s), s);
}

/// x sigmoid(1.702 x), the GELU of OpenAI's CLIP.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V quick_gelu(D d, V x) {
  return hn::Div(x, one_plus_exp_of_minus(d, hn::Mul(x, hn::Set(d, 1.702f))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V quick_gelu_slope(D d, V x) {
  const V scaled = hn::Mul(x, hn::Set(d, 1.702f));
  return silu_slope(d, scaled);
}

// The normal distribution function.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V normal_below(D d, V x) {
  const V half = hn::Set(d, 0.5f);
  return hn::MulAdd(half, erf(d, hn::Mul(x, hn::Set(d, 0.70710678f))), half);
}

/// x times the normal distribution function of x. Absolute error 9e-7 over [-10, 10].
template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu(D d, V x) {
  return hn::Mul(x, normal_below(d, x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V gelu_slope(D d, V x) {
  const V density = hn::Mul(hn::Set(d, 0.3989422804f), exp2(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.72134752f))));
  return hn::MulAdd(x, density, normal_below(d, x));
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif

#include "kernels/optimizer.h"

#include <cmath>

#include "kernels/pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/optimizer_factors.h"
#include "kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace calotype::kernels::HWY_NAMESPACE {

void adamw_vector(const AdamWFactors& f, int64_t count, const float* gradient, float* weight, float* first,
                  float* second) {
  const FloatTag d;
  const auto beta1 = hn::Set(d, f.beta1), beta2 = hn::Set(d, f.beta2);
  const auto rest1 = hn::Set(d, f.rest1), rest2 = hn::Set(d, f.rest2);
  const auto keep = hn::Set(d, f.keep), rate = hn::Set(d, f.rate);
  const auto root = hn::Set(d, f.root), epsilon = hn::Set(d, f.epsilon);
  map(
      count, first, [=](FloatVector m, FloatVector g) HWY_ATTR { return hn::MulAdd(beta1, m, hn::Mul(rest1, g)); },
      first, gradient);
  map(
      count, second,
      [=](FloatVector u, FloatVector g) HWY_ATTR { return hn::MulAdd(beta2, u, hn::Mul(rest2, hn::Mul(g, g))); },
      second, gradient);
  map(
      count, weight,
      [=](FloatVector w, FloatVector m, FloatVector u) HWY_ATTR {
        const auto length = hn::MulAdd(hn::Sqrt(u), root, epsilon);
        return hn::NegMulAdd(rate, hn::Div(m, length), hn::Mul(w, keep));
      },
      weight, first, second);
}

void ema_vector(int64_t count, float share, const float* weight, float* average) {
  const auto part = hn::Set(FloatTag(), share);
  map(
      count, average, [=](FloatVector w, FloatVector a) HWY_ATTR { return hn::MulAdd(part, hn::Sub(w, a), a); }, weight,
      average);
}

}  // namespace calotype::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calotype::kernels {
namespace {

void adamw_scalar(const AdamWFactors& f, int64_t count, const float* gradient, float* weight, float* first,
                  float* second) {
  for (int64_t i = 0; i < count; ++i) {
    first[i] = f.beta1 * first[i] + f.rest1 * gradient[i];
    second[i] = f.beta2 * second[i] + f.rest2 * gradient[i] * gradient[i];
    weight[i] = weight[i] * f.keep - f.rate * first[i] / (std::sqrt(second[i]) * f.root + f.epsilon);
  }
}

}  // namespace

void adamw(const AdamWStep& step, std::span<const float> gradient, std::span<float> weight, std::span<float> first,
           std::span<float> second) {
  const double correction1 = 1 - std::pow(step.beta1, static_cast<double>(step.step));
  const double correction2 = 1 - std::pow(step.beta2, static_cast<double>(step.step));
  const AdamWFactors factors{.beta1 = static_cast<float>(step.beta1),
                             .rest1 = static_cast<float>(1 - step.beta1),
                             .beta2 = static_cast<float>(step.beta2),
                             .rest2 = static_cast<float>(1 - step.beta2),
                             .keep = static_cast<float>(1 - step.learning_rate * step.decay),
                             .rate = static_cast<float>(step.learning_rate / correction1),
                             .root = static_cast<float>(1 / std::sqrt(correction2)),
                             .epsilon = static_cast<float>(step.epsilon)};
  const auto run = isa() == Isa::scalar ? adamw_scalar : CALOTYPE_KERNEL(adamw_vector);
  over_pieces(static_cast<int64_t>(weight.size()), kElementsPerPiece, [&](int64_t first_element, int64_t count) {
    run(factors, count, gradient.data() + first_element, weight.data() + first_element, first.data() + first_element,
        second.data() + first_element);
  });
}

void ema(double decay, std::span<const float> weight, std::span<float> average) {
  const float share = static_cast<float>(1 - decay);
  over_pieces(static_cast<int64_t>(weight.size()), kElementsPerPiece, [&](int64_t first, int64_t count) {
    if (isa() != Isa::scalar)
      return CALOTYPE_KERNEL(ema_vector)(count, share, weight.data() + first, average.data() + first);
    for (int64_t i = first; i < first + count; ++i) average[i] += share * (weight[i] - average[i]);
  });
}

}  // namespace calotype::kernels
#endif

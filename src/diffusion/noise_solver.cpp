#include "diffusion/noise_solver.h"

#include <cmath>

#include "ops/combine.h"

namespace calotype {

NoiseSolver::NoiseSolver(const Sampling& run, const Level& from, const Tensor& x, const Tensor& clean, double next)
    : run_(run),
      sigma_(from.noise),
      next_(next),
      h_(std::log(from.noise / next)),
      x_(x),
      noise_(noise_from(x, clean, from)) {}

double NoiseSolver::sigma_at(double share) const {
  return sigma_ * std::exp(-share * h_);
}

Tensor NoiseSolver::noise_at(double share, const Tensor& state) const {
  const Level at = run_.plan.level_at(sigma_at(share));
  return noise_from(state, run_.denoise(state, at), at);
}

Tensor NoiseSolver::step(int order, double first_at) {
  const double grown = std::expm1(h_);
  if (order == 1) return combine({{1, x_}, {-next_ * grown, noise_}});
  const double r1 = order == 2 ? first_at : 1 / 3.0, r2 = 2 / 3.0;
  if (!between_ || between_at_ != r1) {
    between_ = noise_at(r1, combine({{1, x_}, {-sigma_at(r1) * std::expm1(r1 * h_), noise_}}));
    between_at_ = r1;
  }
  if (order == 2) {
    const double weight = next_ * grown / (2 * r1);
    return combine({{1, x_}, {weight - next_ * grown, noise_}, {-weight, between_}});
  }
  const double inner = std::expm1(r2 * h_), slope = sigma_at(r2) * (r2 / r1) * (inner / (r2 * h_) - 1);
  const Tensor farther = noise_at(r2, combine({{1, x_}, {slope - sigma_at(r2) * inner, noise_}, {-slope, between_}}));
  const double weight = next_ / r2 * (grown / h_ - 1);
  return combine({{1, x_}, {weight - next_ * grown, noise_}, {-weight, farther}});
}

}  // namespace calotype

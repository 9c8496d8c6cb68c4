#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "diffusion/steps.h"
#include "ops/combine.h"

namespace calotype {
namespace {

/// Solves `matrix` * x = right by elimination; a few rows, none of them a multiple of another.
std::vector<double> solved(std::vector<std::vector<double>> matrix, std::vector<double> right) {
  const size_t n = right.size();
  for (size_t i = 0; i < n; ++i) {
    size_t pivot = i;
    for (size_t row = i + 1; row < n; ++row)
      if (std::abs(matrix[row][i]) > std::abs(matrix[pivot][i])) pivot = row;
    std::swap(matrix[i], matrix[pivot]);
    std::swap(right[i], right[pivot]);
    for (size_t row = 0; row < n; ++row) {
      if (row == i) continue;
      const double factor = matrix[row][i] / matrix[i][i];
      for (size_t k = i; k < n; ++k) matrix[row][k] -= factor * matrix[i][k];
      right[row] -= factor * right[i];
    }
  }
  for (size_t i = 0; i < n; ++i) right[i] /= matrix[i][i];
  return right;
}

/// One move of order `order` from x at past[0].at to `to`; with `there`, the guess at `to`, the corrector's.
Tensor moved_by(const std::vector<Remembered>& past, const Tensor& x, const Level& to, int order, bool bh1,
                const Tensor& there) {
  const Level& from = past[0].at;
  const double h = to.lambda() - from.lambda(), shrunk = std::expm1(-h), b = bh1 ? -h : shrunk;
  Tensor y = combine({{to.noise / from.noise, x}, {-to.signal * shrunk, past[0].value}});
  std::vector<double> reach;  // of the older levels, in units of h, and of the target
  for (int i = 1; i < order; ++i) reach.push_back((past[i].at.lambda() - from.lambda()) / h);
  if (there) reach.push_back(1);
  const size_t unknowns = reach.size();
  std::vector<double> shares(unknowns, 0.5);  // of one alone, the solution without its equation
  if (unknowns > 1) {
    std::vector<std::vector<double>> matrix(unknowns, std::vector<double>(unknowns));
    double g = shrunk / -h - 1, factorial = 1;
    for (size_t k = 0; k < unknowns; ++k) {
      for (size_t j = 0; j < unknowns; ++j) matrix[k][j] = std::pow(reach[j], static_cast<double>(k));
      factorial *= static_cast<double>(k + 1);
      shares[k] = g * factorial / b;
      g = g / -h - 1 / (factorial * static_cast<double>(k + 2));
    }
    shares = solved(std::move(matrix), std::move(shares));
  }
  for (size_t j = 0; j < unknowns; ++j) {
    const Tensor& value = there && j + 1 == unknowns ? there : past[j + 1].value;
    const double weight = -to.signal * b * shares[j] / reach[j];
    y = combine({{1, y}, {weight, value}, {-weight, past[0].value}});
  }
  return y;
}

}  // namespace

/// UniPC (Zhao et al. 2023) that predicts the clean latent, in any coordinates: each call of the network also corrects
/// the step that led to it.
Tensor unipc(const Sampling& run, Tensor x) {
  const SamplerOptions& options = run.options;
  const auto& steps = run.plan.steps;
  const size_t most = std::max(options.order, 1);
  std::vector<Remembered> past;
  Tensor before;
  size_t order = 1;
  for (size_t i = run.plan.first; i < steps.size(); ++i) {
    const auto& [from, to] = steps[i];
    const Tensor clean = run.guess(i, x, from);
    if (before) x = moved_by(past, before, from, static_cast<int>(order), options.bh1, clean);
    remember(past, {from, clean}, most);
    order = std::min({most, past.size(), options.lower_order_final ? steps.size() - i : most});
    before = x;
    x = to.noise == 0 ? combine({{to.signal, clean}}) : moved_by(past, x, to, static_cast<int>(order), options.bh1, {});
    x = run.finished(i, std::move(x));
  }
  return x;
}

}  // namespace calotype

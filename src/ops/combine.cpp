#include "ops/combine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "ops/loops.h"
#include "tensor/history.h"

namespace calotype {
namespace {

constexpr size_t kMostTerms = 6;

void check_terms(const std::vector<Term>& terms) {
  check(!terms.empty() && terms.size() <= kMostTerms, "combine: takes 1 to {} terms, not {}", kMostTerms, terms.size());
  const Tensor& first = terms.front().tensor;
  for (const auto& [weight, tensor] : terms) {
    check(tensor.shape() == first.shape() && tensor.dtype() == first.dtype(), "combine: {} {} beside {} {}",
          name_of(tensor.dtype()), tensor.shape().text(), name_of(first.dtype()), first.shape().text());
    check(weight.size() == 1 || (first.shape().rank() > 0 && weight.size() == static_cast<size_t>(first.dim(0))),
          "combine: {} weights for {}", weight.size(), first.shape().text());
  }
}

/// sums += weight * values, for elements [first, first + sums.size()) of pictures of `stretch` elements each.
template <class T>
void accumulate(const Term& term, int64_t stretch, int64_t first, std::span<double> sums) {
  const std::span<const T> values = term.tensor.view<T>().subspan(first, sums.size());
  const int64_t count = static_cast<int64_t>(sums.size());
  if (term.weight.size() == 1) stretch = first + count;
  for (int64_t i = 0; i < count;) {
    const int64_t picture = (first + i) / stretch, end = std::min(count, (picture + 1) * stretch - first);
    for (const double weight = term.weight.of(picture); i < end; ++i) sums[i] += weight * values[i];
  }
}

template <class T>
void combine_into(const std::vector<Term>& terms, int64_t stretch, std::span<T> y) {
  constexpr int64_t kChunk = 512;  // sums stay in the nearest cache
  kernels::over_pieces(static_cast<int64_t>(y.size()), kernels::kElementsPerPiece, [&](int64_t begin, int64_t count) {
    std::array<double, kChunk> buffer;
    for (int64_t first = begin; first < begin + count; first += kChunk) {
      const std::span<double> sums(buffer.data(), std::min(kChunk, begin + count - first));
      std::ranges::fill(sums, 0.0);
      for (const Term& term : terms) accumulate<T>(term, stretch, first, sums);
      std::ranges::transform(sums, y.begin() + first, [](double sum) { return static_cast<T>(sum); });
    }
  });
}

}  // namespace

Tensor combine(std::initializer_list<Term> list) {
  const std::vector<Term> terms(list);
  check_terms(terms);
  const Tensor& first = terms.front().tensor;
  Tensor y = Tensor::empty(first.shape(), first.dtype());
  const int64_t pictures = first.shape().rank() > 0 ? first.dim(0) : 1;
  for_float(first.dtype(), [&]<class T>() {
    if (y.count() > 0) combine_into<T>(terms, y.count() / pictures, y.edit<T>());
  });
  std::vector<Weight> weights;
  std::array<Tensor, kMostTerms> inputs;
  for (const auto& [weight, tensor] : terms) {
    inputs[weights.size()] = tensor;
    weights.push_back(weight);
  }
  return recorded("combine", y, {inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[5]},
                  [weights](const Tensor& dy, Wanted wanted) {
                    Grads gradients(kMostTerms);
                    for (size_t i = 0; i < weights.size(); ++i)
                      if (wanted[i]) gradients[i] = combine({{weights[i], dy}});
                    return gradients;
                  });
}

Tensor clamped(const Tensor& x, double limit) {
  Tensor y = Tensor::empty(x.shape(), x.dtype());
  for_float(x.dtype(), [&]<class T>() {
    const T bound = static_cast<T>(limit);
    const auto in = x.view<T>();
    const auto out = y.edit<T>();
    for_elements(x.count(), [&](int64_t i) { out[i] = std::clamp(in[i], -bound, bound); });
  });
  return not_differentiable("clamped", y, {x});
}

std::vector<double> deviations(const Tensor& x) {
  check(!x.tracked(), "deviations: plain numbers have no gradient; detach the tensor");
  check(x.shape().rank() >= 1, "deviations: takes [B, ...], not {}", x.shape().text());
  const int64_t pictures = x.dim(0), stretch = pictures > 0 ? x.count() / pictures : 0;
  std::vector<double> result(pictures, 0.0);
  if (stretch < 2) return result;
  for_float(x.dtype(), [&]<class T>() {
    for (int64_t b = 0; b < pictures; ++b) {
      const std::span<const T> values = x.view<T>().subspan(b * stretch, stretch);
      const double mean = blocked_sum_of(stretch, [&](int64_t i) { return double{values[i]}; }) / stretch;
      const double squares =
          blocked_sum_of(stretch, [&](int64_t i) { return (values[i] - mean) * (values[i] - mean); });
      result[b] = std::sqrt(squares / (stretch - 1));
    }
  });
  return result;
}

double relative_rms(const Tensor& a, const Tensor& b, const Tensor& before, double relative, double absolute) {
  check(!a.tracked() && !b.tracked() && !before.tracked(), "relative_rms: plain numbers have no gradient");
  check(a.shape() == b.shape() && a.shape() == before.shape(), "relative_rms: {}, {} and {}", a.shape().text(),
        b.shape().text(), before.shape().text());
  double sum = 0;
  for_float(a.dtype(), [&]<class T>() {
    const auto one = a.view<T>(), other = b.view<T>(), past = before.view<T>();
    sum = blocked_sum_of(a.count(), [&](int64_t i) {
      const double x = one[i], y = other[i], scale = std::max(std::abs(x), std::abs(double{past[i]}));
      const double share = (x - y) / std::max(absolute, relative * scale);
      return share * share;
    });
  });
  return std::sqrt(sum / static_cast<double>(std::max<int64_t>(1, a.count())));
}

}  // namespace calotype

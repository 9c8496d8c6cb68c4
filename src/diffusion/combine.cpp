#include "diffusion/combine.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "tensor/history.h"

namespace calotype {
namespace {

constexpr size_t kMostTerms = 6;

template <class T>
void accumulate(const Term& term, std::span<double> sums) {
  const std::span<const T> values = term.tensor.view<T>();
  const size_t stretch = values.size() / term.weight.size();
  for (size_t picture = 0; picture < term.weight.size(); ++picture) {
    const double weight = term.weight.of(picture);
    for (size_t i = picture * stretch; i < (picture + 1) * stretch; ++i) sums[i] += weight * values[i];
  }
}

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

}  // namespace

Tensor combine(std::initializer_list<Term> list) {
  const std::vector<Term> terms(list);
  check_terms(terms);
  const Tensor& first = terms.front().tensor;
  Tensor y = Tensor::empty(first.shape(), first.dtype());
  for_float(first.dtype(), [&]<class T>() {
    std::vector<double> sums(y.count(), 0.0);
    for (const Term& term : terms) accumulate<T>(term, sums);
    std::ranges::transform(sums, y.edit<T>().begin(), [](double sum) { return static_cast<T>(sum); });
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

}  // namespace calotype

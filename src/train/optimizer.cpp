#include "train/optimizer.h"

#include <cmath>

#include "kernels/elementwise.h"
#include "kernels/optimizer.h"

namespace calotype {

AdamW::AdamW(std::vector<NamedTensor> parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const NamedTensor& parameter : parameters_) {
    first_.push_back(Tensor::zeros(parameter.tensor.shape()));
    second_.push_back(Tensor::zeros(parameter.tensor.shape()));
  }
}

void AdamW::step(const Gradients& gradients, double learning_rate) {
  ++steps_;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor gradient = gradients.of(parameters_[i].tensor);
    if (!gradient) continue;
    const bool decays = !options_.decay_matrices_only || parameters_[i].tensor.shape().rank() >= 2;
    kernels::adamw({.learning_rate = learning_rate,
                    .beta1 = options_.beta1,
                    .beta2 = options_.beta2,
                    .epsilon = options_.epsilon,
                    .decay = decays ? options_.decay : 0,
                    .step = steps_},
                   gradient.view<float>(), parameters_[i].tensor.edit<float>(), first_[i].edit<float>(),
                   second_[i].edit<float>());
  }
}

std::vector<NamedTensor> AdamW::state() const {
  std::vector<NamedTensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state.push_back({parameters_[i].name + "/first", first_[i]});
    state.push_back({parameters_[i].name + "/second", second_[i]});
  }
  return state;
}

double gradient_norm(const std::vector<NamedTensor>& parameters, const Gradients& gradients) {
  double total = 0;
  for (const NamedTensor& parameter : parameters)
    if (const Tensor gradient = gradients.of(parameter.tensor))
      total += kernels::sum_of_squares(gradient.view<float>());
  return std::sqrt(total);
}

void clip_gradients(const std::vector<NamedTensor>& parameters, Gradients& gradients, double norm, double limit) {
  const double factor = limit / (norm + 1e-6);
  if (!(factor < 1)) return;
  for (const NamedTensor& parameter : parameters) {
    Tensor gradient = gradients.of(parameter.tensor);
    if (gradient) kernels::scale(factor, 0, gradient.view<float>(), gradient.edit<float>());
  }
}

}  // namespace calotype

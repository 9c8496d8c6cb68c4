#include "train/ema.h"

#include <algorithm>

#include "kernels/optimizer.h"

namespace calotype {

Ema::Ema(const std::vector<NamedTensor>& parameters, EmaDecay decay) : parameters_(parameters), decay_(decay) {
  for (const NamedTensor& parameter : parameters) averages_.push_back({parameter.name, parameter.tensor.clone()});
}

void Ema::update() {
  const double decay = decay_.at(++updates_);
  for (size_t i = 0; i < averages_.size(); ++i)
    kernels::ema(decay, parameters_[i].tensor.view<float>(), averages_[i].tensor.edit<float>());
}

void Ema::swap() {
  for (size_t i = 0; i < averages_.size(); ++i)
    std::ranges::swap_ranges(parameters_[i].tensor.edit<float>(), averages_[i].tensor.edit<float>());
}

}  // namespace calotype

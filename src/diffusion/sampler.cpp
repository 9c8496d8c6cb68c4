#include "diffusion/sampler.h"

#include <utility>

namespace calotype {

Tensor Sampling::guess(size_t index, const Tensor& x, const Level& at) const {
  if (before_step) before_step(index - plan.first);
  Tensor clean = denoise(x, at);
  if (on_step)
    on_step(
        {.index = index - plan.first, .count = plan.steps.size() - plan.first, .level = at, .x = x, .clean = clean});
  return clean;
}

Tensor Sampling::finished(size_t index, Tensor x) const {
  return after_step ? after_step(std::move(x), plan.steps[index]) : x;
}

}  // namespace calotype

#include "pipeline/unet_calls.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "ops/structure.h"

namespace calotype {

Tensor UNetCalls::operator()(const UNet::Inputs& inputs, int64_t picture) {
  if (inputs.times[0] != time_) ++step_;
  time_ = inputs.times[0];
  const int64_t pictures = inputs.x.dim(0), all = inputs.context.dim(0), tokens = inputs.context.dim(1);
  const int64_t at_once = run_.memory.halves_apart ? pictures : 2 * pictures;
  if (all <= at_once) return call(inputs, {picture, all, 0, tokens});
  std::vector<Tensor> outputs;
  for (int64_t first = 0; first < all; first += at_once) {
    UNet::Inputs part = inputs;
    const int64_t count = std::min(at_once, all - first);
    part.context = inputs.context.rows(first, count);
    outputs.push_back(call(std::move(part), {picture, count, first, tokens}));
  }
  return stack_pictures(outputs);
}

Tensor UNetCalls::call(UNet::Inputs inputs, const Place& place) {
  inputs.shortcuts.merging = run_.request.token_merging;
  if (run_.cache.interval > 1) {
    Kept& kept = kept_[place];
    const bool stale = kept.step < step_ - 1 || step_ - kept.made >= run_.cache.interval;
    if (stale) {
      kept.features = {.branch = run_.cache.branch};
      kept.made = step_;
    }
    kept.step = step_;
    inputs.shortcuts.features = &kept.features;
  }
  return unet_(inputs);
}

}  // namespace calotype

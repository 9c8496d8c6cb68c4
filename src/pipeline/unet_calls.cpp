#include "pipeline/unet_calls.h"

#include <utility>
#include <vector>

#include "ops/structure.h"

namespace calotype {

Tensor UNetCalls::operator()(const UNet::Inputs& inputs, int64_t picture) {
  if (inputs.times[0] != time_) ++step_;
  time_ = inputs.times[0];
  const int64_t pictures = inputs.x.dim(0), all = inputs.context.dim(0);
  if (!run_.memory.halves_apart || all <= pictures) return call(inputs, {picture, all, 0});
  std::vector<Tensor> outputs;
  for (int64_t first = 0; first < all; first += pictures) {
    UNet::Inputs part = inputs;
    part.context = inputs.context.rows(first, pictures);
    outputs.push_back(call(std::move(part), {picture, pictures, first}));
  }
  return stack_pictures(outputs);
}

Tensor UNetCalls::call(UNet::Inputs inputs, std::tuple<int64_t, int64_t, int64_t> which) {
  inputs.shortcuts.merging = run_.request.token_merging;
  if (run_.cache.interval > 1) {
    Kept& kept = kept_[which];
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

#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "pipeline/request.h"

namespace calotype {

/// Calls of the network in one run, as its memory plan and the approximations that the request allows have it.
class UNetCalls {
 public:
  UNetCalls(const UNet& unet, const Settled& run) : unet_(unet), run_(run) {}
  /// unet(inputs); `picture` is the first of those that x has. A context of n times as many entries has n parts: at
  /// most two go through at once, for that is what the memory plan counts on.
  Tensor operator()(const UNet::Inputs& inputs, int64_t picture);

 private:
  /// Which call of a step it is: its first picture, contexts, the first of them, and their tokens.
  using Place = std::tuple<int64_t, int64_t, int64_t, int64_t>;
  /// What deep blocks gave, for the pictures and the part of the context that a call was for.
  struct Kept {
    UNet::Shortcuts::Features features;
    int64_t step = -2, made = 0;  // when this was last used, and made
  };
  Tensor call(UNet::Inputs inputs, const Place& place);

  const UNet& unet_;
  const Settled& run_;
  std::map<Place, Kept> kept_;
  double time_ = -1;
  int64_t step_ = -1;
};

}  // namespace calotype

#include "ops/embedding.h"
#include "ops/gradient_cases.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/resize.h"
#include "ops/structure.h"

namespace calotype::testing {

std::vector<GradientCase> structure_cases() {
  using Inputs = const std::vector<Tensor>&;
  const Tensor map = noise_tensor("map", {2, 3, 4, 5}), narrow = noise_tensor("narrow", {2, 3, 4, 2});
  const Tensor tokens = noise_tensor("tokens", {2, 3, 4}), more = noise_tensor("more", {2, 5, 4});
  const std::vector<int32_t> ids{3, 0, 3, 1, 3}, of_pictures{2, 0};
  const auto to_size = [](int64_t height, int64_t width, ResizeOptions options) {
    return [=](Inputs in) { return resize(in[0], height, width, options); };
  };
  const ResizeOptions nearest{Interpolation::nearest}, bilinear{}, bicubic{Interpolation::bicubic},
      corners{Interpolation::bilinear, true}, bicubic_corners{Interpolation::bicubic, true};
  return {
      {"slice_channels", [](Inputs in) { return slice_channels(in[0], 1, 3); }, {map}},
      {"stack_pictures", [](Inputs in) { return stack_pictures(in); }, {tokens, tokens.rows(0, 1), tokens}},
      {"concat_channels", [](Inputs in) { return concat_channels(in[0], in[1]); }, {map, narrow}},
      {"concat_tokens", [](Inputs in) { return concat_tokens(in[0], in[1]); }, {tokens, more}},
      {"channels_last", [](Inputs in) { return channels_last(in[0]); }, {map}},
      {"channels_first", [](Inputs in) { return channels_first(in[0]); }, {map}},
      {"transpose", [](Inputs in) { return transpose(in[0]); }, {noise_tensor("matrix", {4, 3})}},
      {"crop", [](Inputs in) { return crop(in[0], 2, 3); }, {map}},
      {"embedding", [=](Inputs in) { return embedding(in[0], ids); }, {noise_tensor("table", {4, 3})}},
      {"gather_rows", [=](Inputs in) { return gather_rows(in[0], of_pictures); }, {tokens}},
      {"pad", [](Inputs in) { return pad(in[0], {.top = 1, .bottom = 0, .left = 2, .right = 1}); }, {map}},
      {"max_pool", [](Inputs in) { return max_pool(in[0]); }, {map}},
      {"max_pool", [](Inputs in) { return max_pool(in[0], {.kernel = 2, .stride = 1}); }, {map}},
      {"resize", to_size(7, 2, {.interpolation = Interpolation::area}), {map}},
      {"resize", to_size(2, 9, {.interpolation = Interpolation::bilinear, .antialias = true}), {map}},
      {"resize", to_size(2, 2, {.interpolation = Interpolation::bicubic, .antialias = true}), {map}},
      {"resize", to_size(7, 2, nearest), {map}},
      {"resize", to_size(7, 2, bilinear), {map}},
      {"resize", to_size(1, 9, corners), {map}},
      {"resize", to_size(7, 2, bicubic), {map}},
      {"resize", to_size(2, 9, bicubic_corners), {map}},
  };
}

}  // namespace calotype::testing

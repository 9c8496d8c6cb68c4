#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/conv_variants.h"
#include "ops/gradient_cases.h"
#include "ops/linear.h"
#include "ops/norm.h"

namespace calotype::testing {
namespace {

using Inputs = const std::vector<Tensor>&;

/// All at once: bias, offset by picture, residual, and one of the activations.
GradientCase linear_case(Activation activation) {
  const int64_t out = 3, rows = activation == Activation::geglu ? 2 * out : out;
  return {"linear",
          [=](Inputs in) {
            return linear(in[0], in[1], in[2], Precision::f32,
                          {.offset = in[3], .add = in[4], .activation = activation});
          },
          {noise_tensor("x", {2, 4, 5}), noise_tensor("w", {rows, 5}), noise_tensor("b", {rows}),
           noise_tensor("offset", {2, rows}), noise_tensor("add", {2, 4, out})}};
}

GradientCase conv_case(ConvOptions options, Shape x, int64_t out) {
  const Tensor input = noise_tensor("x", x);
  const int64_t k = options.kernel;
  return {"conv2d",
          [=](Inputs in) { return conv2d(in[0], in[1], in[2], options); },
          {input, noise_tensor("w", {out, x[3], k, k}, 0.5), noise_tensor("b", {out})}};
}

GradientCase padded_case(PaddedConvOptions options, Shape x, Shape weight) {
  return {"padded_conv2d",
          [=](Inputs in) { return padded_conv2d(in[0], in[1], in[2], options); },
          {noise_tensor("x", x), noise_tensor("w", weight, 0.5), noise_tensor("b", {weight[0]})}};
}

std::vector<GradientCase> plain_products() {
  const Tensor q = noise_tensor("q", {4, 5, 6}), k = noise_tensor("k", {4, 7, 6}), v = noise_tensor("v", {4, 7, 6});
  return {
      linear_case(Activation::none),
      linear_case(Activation::silu),
      linear_case(Activation::gelu),
      linear_case(Activation::quick_gelu),
      linear_case(Activation::geglu),
      {"linear",
       [](Inputs in) { return linear(in[0], in[1], {}); },
       {noise_tensor("x", {3, 5}), noise_tensor("w", {2, 5, 1, 1})}},
      conv_case({}, {2, 4, 5, 3}, 4),
      conv_case({.stride = 2}, {2, 5, 6, 3}, 4),
      conv_case({.stride = 2, .bottom_right = true}, {2, 5, 6, 3}, 4),
      conv_case({.kernel = 1, .padding = 0}, {2, 3, 4, 3}, 2),
      conv_case({.kernel = 4, .stride = 2}, {1, 6, 8, 2}, 3),
      conv_case({.kernel = 2, .stride = 2, .padding = 0}, {1, 4, 6, 3}, 5),
      {"conv2d",
       [](Inputs in) { return conv2d(in[0], in[1], in[2], {}, {.offset = in[3], .add = in[4]}); },
       {noise_tensor("x", {2, 3, 4, 3}), noise_tensor("w", {4, 3, 3, 3}, 0.5), noise_tensor("b", {4}),
        noise_tensor("offset", {2, 4}), noise_tensor("add", {2, 3, 4, 4})}},
      padded_case({.stride = 2, .padding = same_padding(5, 6, 3, 2)}, {1, 5, 6, 3}, {4, 3, 3, 3}),
      padded_case({.stride = 2, .padding = same_padding(6, 5, 5, 2), .groups = 3}, {2, 6, 5, 3}, {3, 1, 5, 5}),
      padded_case({.padding = {1, 1, 1, 1}, .groups = 2}, {1, 4, 3, 4}, {6, 2, 3, 3}),
      {"conv_transpose2d",
       [](Inputs in) { return conv_transpose2d(in[0], in[1], in[2]); },
       {noise_tensor("x", {2, 2, 3, 4}), noise_tensor("w", {4, 2, 3, 3}), noise_tensor("b", {2})}},
      {"standardised_weight",
       [](Inputs in) { return standardised_weight(in[0], 1e-6); },
       {noise_tensor("w", {4, 2, 3, 3}, 0.1, 0.02)}},
      {"attention", [](Inputs in) { return attention(in[0], in[1], in[2], {.heads = 2}); }, {q, k, v}},
      {"attention",
       [](Inputs in) { return attention(in[0], in[1], in[2], {.heads = 3}); },
       {q, noise_tensor("k", {2, 7, 6}), noise_tensor("v", {2, 7, 6})}},
      {"attention",
       [](Inputs in) { return attention(in[0], in[1], in[2], {.heads = 3}); },
       {noise_tensor("q", {2, 5, 6}), k, v}},
      {"attention",
       [](Inputs in) { return attention(in[0], in[1], in[2], {.heads = 2, .causal = true}); },
       {noise_tensor("q", {2, 5, 6}), noise_tensor("k", {2, 5, 6}), noise_tensor("v", {2, 5, 6})}},
  };
}

std::vector<GradientCase> norms_and_readings() {
  const Tensor map = noise_tensor("map", {2, 3, 2, 6}, 2, 0.5), other = noise_tensor("other", {2, 3, 2, 2});
  const Tensor gain = noise_tensor("gain", {6}), bias = noise_tensor("bias", {6});
  const Tensor gain8 = noise_tensor("gain", {8}), bias8 = noise_tensor("bias", {8});
  return {
      {"softmax", [](Inputs in) { return softmax(in[0]); }, {map}},
      {"l2_normalise", [](Inputs in) { return l2_normalise(in[0]); }, {map}},
      {"batch_norm", [](Inputs in) { return batch_norm(in[0], in[1], in[2], 1e-5); }, {map, gain, bias}},
      {"concat", [](Inputs in) { return concat(in[0], in[1]).tensor(); }, {map, other}},
      {"concat", [](Inputs in) { return concat(in[0], in[1]).tensor(); }, {map, other.rows(0, 1)}},
      {"upsample", [](Inputs in) { return upsample(in[0]).tensor(); }, {map}},
      {"group_norm", [](Inputs in) { return group_norm(in[0], in[1], in[2], 3, 1e-5).tensor(); }, {map, gain, bias}},
      {"layer_norm", [](Inputs in) { return layer_norm(in[0], in[1], in[2], 1e-5).tensor(); }, {map, gain, bias}},
      {"silu", [](Inputs in) { return silu(in[0]).tensor(); }, {map}},
      {"silu",
       [](Inputs in) { return silu(silu(in[0])).tensor(); },  // out of order: written out between
       {map}},
      {"silu", [](Inputs in) { return silu(layer_norm(in[0], in[1], in[2], 1e-5)).tensor(); }, {map, gain, bias}},
      {"silu",  // all steps at once; four groups of two channels, one of them on both sides of the seam
       [](Inputs in) {
         return conv2d(silu(group_norm(upsample(concat(in[0], in[1])), in[2], in[3], 2, 1e-5)), in[4], in[5], {});
       },
       {map, other, gain8, bias8, noise_tensor("w", {3, 8, 3, 3}, 0.3), noise_tensor("b", {3})}},
      {"layer_norm",
       [](Inputs in) { return linear(layer_norm(in[0], in[1], in[2], 1e-5), in[3], in[4]); },
       {map, gain, bias, noise_tensor("w", {4, 6}), noise_tensor("b", {4})}},
  };
}

}  // namespace

std::vector<GradientCase> product_cases() {
  std::vector<GradientCase> cases = plain_products();
  const std::vector<GradientCase> more = norms_and_readings();
  cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

}  // namespace calotype::testing

#include "nn/layers.h"

#include <algorithm>

#include "ops/conv_variants.h"
#include "ops/pad.h"
#include "ops/stored.h"

namespace calotype {
namespace {

constexpr double kStandardEpsilon = 1e-8;  // below the root, beside the variance of a weight

}  // namespace

Linear::Linear(const Params& p, int64_t in, int64_t out, Init weight_init, Init bias_init)
    : weight(p.get("weight", {out, in}, weight_init)),
      bias(p.get("bias", {out}, bias_init)),
      precision(p.precision()),
      change(p.low_rank("weight", {out, in})) {}

Linear::Linear(const Params& p, int64_t in, int64_t out, WithBias with_bias)
    : weight(p.get("weight", {out, in}, Init::kaiming(in))),
      bias(with_bias == WithBias::yes ? p.get("bias", {out}, Init::kaiming(in)) : Tensor()),
      precision(p.precision()),
      change(p.low_rank("weight", {out, in})) {}

Linear Linear::zero(const Params& p, int64_t in, int64_t out) {
  return Linear(p, in, out, Init::zeros(), Init::zeros());
}

Conv2d::Conv2d(const Params& p, int64_t in, int64_t out, ConvOptions options, Init weight_init, Init bias_init)
    : weight(p.get("weight", {out, in, options.kernel, options.kernel}, weight_init)),
      bias(p.get("bias", {out}, bias_init)),
      options(options) {}

Conv2d::Conv2d(const Params& p, int64_t in, int64_t out, ConvOptions options, WithBias with_bias)
    : weight(p.get("weight", {out, in, options.kernel, options.kernel},
                   Init::kaiming(in * options.kernel * options.kernel))),
      bias(with_bias == WithBias::yes ? p.get("bias", {out}, Init::kaiming(in * options.kernel * options.kernel))
                                      : Tensor()),
      options(options) {}

Conv2d Conv2d::zero(const Params& p, int64_t in, int64_t out, ConvOptions options) {
  return Conv2d(p, in, out, options, Init::zeros(), Init::zeros());
}

StandardisedConv::StandardisedConv(const Params& p, int64_t in, int64_t out, int64_t kernel, int64_t stride)
    : weight(p.get("weight", {out, in, kernel, kernel}, Init::kaiming(in * kernel * kernel))), stride(stride) {
  if (!weight.tracked()) standardised_ = standardised_weight(widened(weight), kStandardEpsilon);
}

Tensor StandardisedConv::operator()(const Tensor& x) const {
  const Tensor standard = standardised_ ? standardised_ : standardised_weight(weight, kStandardEpsilon);
  const int64_t kernel = weight.dim(2);
  if (stride == 1 && kernel % 2 == 1) return conv2d(x, standard, {}, {.kernel = kernel, .padding = kernel / 2});
  const Padding around = same_padding(x.dim(1), x.dim(2), kernel, stride);
  const bool none = around.top + around.bottom + around.left + around.right == 0;
  return conv2d(none ? x : pad(x, around), standard, {}, {.kernel = kernel, .stride = stride, .padding = 0});
}

GroupNorm::GroupNorm(const Params& p, int64_t channels, int64_t groups, double epsilon)
    : weight(p.get("weight", {channels}, Init::ones())),
      bias(p.get("bias", {channels}, Init::zeros())),
      groups(groups),
      epsilon(epsilon) {}

LayerNorm::LayerNorm(const Params& p, int64_t width, double epsilon)
    : weight(p.get("weight", {width}, Init::ones())), bias(p.get("bias", {width}, Init::zeros())), epsilon(epsilon) {}

Embedding::Embedding(const Params& p, int64_t rows, int64_t width, double deviation)
    : weight(p.get("weight", {rows, width}, Init::normal(deviation))) {}

Attention::Attention(const Params& p, int64_t width, int64_t context_width, int64_t heads, WithBias with_bias)
    : to_q(p / "to_q", width, width, with_bias),
      to_k(p / "to_k", context_width, width, with_bias),
      to_v(p / "to_v", context_width, width, with_bias),
      to_out(p / "to_out", width, width),
      heads(heads) {}

Tensor Attention::cross(const Reading& x, const Tensor& context, Epilogue epilogue) const {
  const AttentionOptions options{.heads = heads, .precision = to_q.precision};
  const Tensor mixed = attention(to_q(x), once(context, to_k), once(context, to_v), options);
  return to_out(mixed, std::move(epilogue));
}

Tensor Attention::self(const Reading& x, Epilogue epilogue, bool causal) const {
  const AttentionOptions options{.heads = heads, .causal = causal, .precision = to_q.precision};
  const Tensor mixed = attention(to_q(x), to_k(x), to_v(x), options);  // the three are gone before the next product
  return to_out(mixed, std::move(epilogue));
}

Tensor once(const Tensor& x, const Linear& layer) {
  const bool part = x.storage()->bytes != bytes_of(x.dtype(), x.count());  // its bytes hold others' results too
  if (part || (recording() && (x.tracked() || layer.weight.tracked()))) return layer(x);
  auto& derived = x.storage()->derived;
  const auto found =
      std::ranges::find(derived, static_cast<const void*>(&layer), [](const auto& kept) { return kept.first; });
  if (found != derived.end()) return found->second;
  Tensor made = layer(x);
  derived.emplace_back(&layer, made);
  return made;
}

}  // namespace calotype

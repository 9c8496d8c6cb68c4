#pragma once

#include <optional>
#include <span>

#include "nn/params.h"
#include "ops/attention.h"
#include "ops/conv2d.h"
#include "ops/embedding.h"

namespace calotype {

enum class WithBias { no, yes };

struct Linear {
  Tensor weight;                  // [out, in]
  Tensor bias;                    // [out], or none
  Precision precision;            // of the product; tensors are f32 either way
  std::optional<LowRank> change;  // of the weight, by an adapter

  Linear(const Params& p, int64_t in, int64_t out, WithBias with_bias = WithBias::yes);
  /// A layer that begins as nothing: weight and bias zero.
  static Linear zero(const Params& p, int64_t in, int64_t out);
  Tensor operator()(const Reading& x, Epilogue epilogue = {}) const {  // [..., in] -> [..., out]
    return change ? linear(x, weight, bias, *change, precision, std::move(epilogue))
                  : linear(x, weight, bias, precision, std::move(epilogue));
  }

 private:
  Linear(const Params& p, int64_t in, int64_t out, Init weight_init, Init bias_init);
};

struct Conv2d {
  Tensor weight;  // [out, in, kernel, kernel]
  Tensor bias;    // [out], or none
  ConvOptions options;

  Conv2d(const Params& p, int64_t in, int64_t out, ConvOptions options = {}, WithBias with_bias = WithBias::yes);
  static Conv2d zero(const Params& p, int64_t in, int64_t out, ConvOptions options = {});
  Tensor operator()(const Reading& x, Epilogue epilogue = {}) const {  // [B, H, W, in] -> [B, H', W', out]
    return conv2d(x, weight, bias, options, std::move(epilogue));
  }

 private:
  Conv2d(const Params& p, int64_t in, int64_t out, ConvOptions options, Init weight_init, Init bias_init);
};

/// A convolution without bias whose weight is standardised (Qiao et al. 2019), laid as TensorFlow's "SAME": ceil(n /
/// stride) results an axis.
struct StandardisedConv {
  Tensor weight;  // [out, in, kernel, kernel], as it is stored
  int64_t stride;

  StandardisedConv(const Params& p, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1);
  Tensor operator()(const Tensor& x) const;  // [B, H, W, in] -> [B, H', W', out]

 private:
  Tensor standardised_;  // of a weight that is not being trained
};

struct GroupNorm {
  Tensor weight, bias;  // [channels]
  int64_t groups;
  double epsilon;

  GroupNorm(const Params& p, int64_t channels, int64_t groups, double epsilon);
  Reading operator()(Reading x) const { return group_norm(std::move(x), weight, bias, groups, epsilon); }
};

struct LayerNorm {
  Tensor weight, bias;  // [width]
  double epsilon;

  LayerNorm(const Params& p, int64_t width, double epsilon = 1e-5);
  Reading operator()(Reading x) const { return layer_norm(std::move(x), weight, bias, epsilon); }
};

struct Embedding {
  Tensor weight;  // [rows, width]

  Embedding(const Params& p, int64_t rows, int64_t width, double deviation);
  Tensor operator()(std::span<const int32_t> ids) const { return embedding(weight, ids); }  // -> [ids.size(), width]
};

/// Attention over heads (Vaswani et al. 2017): x asks, the context answers.
struct Attention {
  Linear to_q, to_k, to_v, to_out;
  int64_t heads;

  /// `context_width` is x's own width in self-attention.
  Attention(const Params& p, int64_t width, int64_t context_width, int64_t heads, WithBias with_bias = WithBias::no);
  /// x [B, T, width], context [Bk, S, context_width]; the context's keys and values are kept with it while nothing is
  /// recorded, so that a prompt's are made once.
  Tensor cross(const Reading& x, const Tensor& context, Epilogue epilogue = {}) const;
  /// x [B, T, width] attends to itself.
  Tensor self(const Reading& x, Epilogue epilogue = {}, bool causal = false) const;
};

/// layer(x), kept with x while nothing is recorded.
Tensor once(const Tensor& x, const Linear& layer);

}  // namespace calotype

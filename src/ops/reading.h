#pragma once

#include <optional>

#include "kernels/conv2d.h"
#include "tensor/history.h"
#include "tensor/tensor.h"

namespace calotype {

/// A map or a list of rows as an op is to read it: one or two tensors side by side in channels, each pixel doubled,
/// then a norm, then SiLU; each step at most once and in this order. Another order writes out what there is and begins
/// anew. Made by concat, upsample, group_norm, layer_norm and silu; read by conv2d and linear, which fold the steps
/// into their own reading where a kernel can. A value: nothing is computed before it is read, but the statistics.
class Reading {
 public:
  Reading(Tensor x);  // implicit: a tensor is a reading of itself

  const Shape& shape() const { return shape_; }
  DType dtype() const { return first_.dtype(); }
  /// The same value written out; a bare tensor comes back as it is.
  Tensor tensor() const&;
  Tensor tensor() &&;
  bool bare() const { return !second_ && !doubled_ && !norm_ && !rows_ && !silu_; }
  bool tracked() const { return history_ != nullptr; }
  const std::shared_ptr<Node>& history() const { return history_; }

  /// What a convolution's kernel reads; none if this has a layer norm or is not f32.
  std::optional<kernels::MapReading> as_map() const;
  /// What a product's kernel reads beside the rows themselves: a layer norm of one f32 tensor, or nothing at all; none
  /// if this is anything else.
  std::optional<kernels::RowNorm> as_rows() const;
  const Tensor& first() const { return first_; }

 private:
  friend Reading concat(Reading a, Tensor b);
  friend Reading upsample(Reading x);
  friend Reading group_norm(Reading x, const Tensor& gain, const Tensor& bias, int64_t groups, double epsilon);
  friend Reading layer_norm(Reading x, const Tensor& gain, const Tensor& bias, double epsilon);
  friend Reading silu(Reading x);

  /// A group norm folded to one factor and one addend per picture and channel, both [B, C].
  struct GroupNorm {
    Tensor gain, bias;  // as the kernels take them
    int64_t groups;
    double epsilon;
    Tensor sums;  // [B, C, 2], of the map before it is doubled
    Tensor scale, shift;
    std::shared_ptr<Node> gain_history, bias_history;
  };
  struct LayerNorm {
    Tensor gain, bias;
    double epsilon;
  };

  Reading raw() const;  // without norm and SiLU
  Tensor written() const;
  std::shared_ptr<Node> group_norm_node() const;

  Shape shape_;
  Tensor first_, second_;
  bool doubled_ = false;
  std::optional<GroupNorm> norm_;
  std::optional<LayerNorm> rows_;
  bool silu_ = false;
  std::shared_ptr<Node> raw_history_, history_;  // before the norm, and of the whole
};

/// Channels of a, then of b: [B, H, W, A] and [B, H, W, C] -> [B, H, W, A + C].
Reading concat(Reading a, Tensor b);

/// Each pixel four times: [B, H, W, C] -> [B, 2 H, 2 W, C].
Reading upsample(Reading x);

/// (x - mean) / sqrt(variance + epsilon) * gain + bias over the pixels and channels of a group (Wu and He 2018);
/// variance without Bessel's correction. x [B, ..., C]; gain and bias [C]; groups divides C.
Reading group_norm(Reading x, const Tensor& gain, const Tensor& bias, int64_t groups, double epsilon);

/// The same over the last axis of each row (Ba et al. 2016).
Reading layer_norm(Reading x, const Tensor& gain, const Tensor& bias, double epsilon);

/// x sigmoid(x)
Reading silu(Reading x);

}  // namespace calotype

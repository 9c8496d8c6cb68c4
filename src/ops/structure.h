#pragma once

#include "tensor/history.h"

namespace calotype {

/// The last axis cut to [first, first + count).
Tensor slice_channels(const Tensor& x, int64_t first, int64_t count);
/// Two or more tensors one after another along the first axis.
Tensor stack_pictures(std::span<const Tensor> parts);
/// Channels of a, then of b, written out.
Tensor concat_channels(const Tensor& a, const Tensor& b);
/// Tokens of a, then of b: [B, T, C] and [B, S, C] -> [B, T + S, C].
Tensor concat_tokens(const Tensor& a, const Tensor& b);
/// [B, C, H, W] -> [B, H, W, C] and back: a copy.
Tensor channels_last(const Tensor& x);
Tensor channels_first(const Tensor& x);
/// [A, B] -> [B, A]: a copy.
Tensor transpose(const Tensor& x);
/// [B, H, W, C] cut to its first rows and columns.
Tensor crop(const Tensor& x, int64_t height, int64_t width);

}  // namespace calotype

#pragma once

#include <string>

#include "io/adapter.h"
#include "tensor/tensor.h"

namespace calotype {

/// Throws `bad_file` where a module is not whole, contradicts itself, holds what is no number, or changes a weight of
/// another shape than `weight` (and bias [out]). `shown` names the module for the user; `reads_context`: its inputs are
/// the text tower's, which tells for what version it was made.
void require_fits(const Adapter& adapter, const AdapterModule& module, const std::string& shown, const Shape& weight,
                  bool reads_context);

/// Whether the module changes the weight, or the bias.
bool changes_weight(const AdapterModule& module);
bool changes_bias(const AdapterModule& module);

/// A LoRA of a matrix without anything beside it: `up down` may run beside the weight.
bool is_plain_low_rank(const AdapterModule& module);
/// Its two factors, the scale and the multiplier in `up`: [r, in] and [out, r], f32.
Tensor low_rank_down(const AdapterModule& module);
Tensor low_rank_up(const AdapterModule& module, double multiplier);

/// The weight, f32 and of any rank, after the module at this multiplier; likewise the bias.
Tensor changed_weight(const AdapterModule& module, const Tensor& weight, double multiplier);
Tensor changed_bias(const AdapterModule& module, const Tensor& bias, double multiplier);

}  // namespace calotype

#pragma once

#include <cstdint>
#include <span>

namespace calotype::kernels {

struct AdamWStep {
  double learning_rate, beta1, beta2, epsilon;
  double decay;  // decoupled; 0: none
  int64_t step;  // from 1: of the bias correction
};

/// One update of AdamW (Loshchilov and Hutter 2019), all in one pass:
/// m = beta1 m + (1 - beta1) g; u = beta2 u + (1 - beta2) g²; w = w (1 - learning_rate decay);
/// w -= learning_rate (m / (1 - beta1^step)) / (sqrt(u / (1 - beta2^step)) + epsilon).
void adamw(const AdamWStep& step, std::span<const float> gradient, std::span<float> weight, std::span<float> first,
           std::span<float> second);

/// average += (1 - decay) (weight - average)
void ema(double decay, std::span<const float> weight, std::span<float> average);

}  // namespace calotype::kernels

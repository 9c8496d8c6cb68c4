#pragma once

namespace calotype::kernels {

/// What one update of AdamW multiplies with, rounded once.
struct AdamWFactors {
  float beta1, rest1, beta2, rest2;  // rest: 1 - beta
  float keep;                        // 1 - learning_rate decay
  float rate;                        // learning_rate / (1 - beta1^step)
  float root;                        // 1 / sqrt(1 - beta2^step)
  float epsilon;
};

}  // namespace calotype::kernels

#pragma once

#include <map>
#include <string>
#include <vector>

#include "nn/fresh_source.h"
#include "tensor/backward.h"

namespace calotype {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999;
  double epsilon = 1e-8;
  double decay = 1e-2;               // decoupled: weights shrink by learning rate times this
  bool decay_matrices_only = false;  // CLIP's choice: biases and gains are left alone
};

/// AdamW (Loshchilov and Hutter 2019) over a list of trainable tensors, which it edits in place. The moments are f32.
class AdamW {
 public:
  AdamW(std::vector<NamedTensor> parameters, AdamWOptions options);
  /// One update; a parameter without a gradient is left alone, moments and all.
  void step(const Gradients& gradients, double learning_rate);

  int64_t steps() const { return steps_; }
  /// The moments by name ("NAME/first", "NAME/second"), to be saved or filled.
  std::vector<NamedTensor> state() const;
  void set_steps(int64_t steps) { steps_ = steps; }

 private:
  std::vector<NamedTensor> parameters_;
  std::vector<Tensor> first_, second_;
  AdamWOptions options_;
  int64_t steps_ = 0;
};

/// The length of all gradients taken together, in f64. Not finite where one is not.
double gradient_norm(const std::vector<NamedTensor>& parameters, const Gradients& gradients);

/// Gradients multiplied by min(1, limit / (norm + 1e-6)).
void clip_gradients(const std::vector<NamedTensor>& parameters, Gradients& gradients, double norm, double limit);

}  // namespace calotype

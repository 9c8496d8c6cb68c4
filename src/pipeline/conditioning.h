#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <utility>
#include <vector>

#include "pipeline/request.h"
#include "pipeline/watcher.h"

namespace calotype {

/// How many blocks of the text tower run, for a `clip_skip` as the web interface counts: 1 is all that the model was
/// trained with; with Stable Diffusion 2, whose last block is never used, 2 says the same.
int64_t text_layers(const TextConfig& config, int64_t clip_skip);

/// What the network attends to at each step of a run, and how its outputs are put together: guidance (Ho and Salimans
/// 2022), prompts composed with AND (Liu et al. 2022), prompts that change with the step, prompts of any length.
/// Everything is encoded when it is made. Refers to model and run.
class Conditioning {
 public:
  /// `steps` that are run. Throws `bad_input` for prompts beyond bounds.
  Conditioning(const StableDiffusion& model, const Settled& run, int64_t steps, const Watcher& watcher);

  /// One call of the network for pictures from `picture` on, as many as x has; context [n * those, T, width], of which
  /// the first `unwanted` are what guidance leads away from. Outputs come in the context's order.
  using Call = std::function<Tensor(const Tensor& x, const Tensor& context, int64_t picture, int64_t unwanted)>;

  /// What the network says of all pictures, x [B, ...], at step `step`, which counts from 0. One call where every
  /// picture has one prompt of the same length as the unwanted one: the unwanted half first. Without `guidance` the
  /// unwanted prompts are left out, but where parts of a prompt are weighed against them.
  Tensor guided_output(int64_t step, const Tensor& x, const Call& call, bool guidance = true) const;

  /// What a first single call attends to; none where it takes several.
  Tensor first_context() const;

 private:
  struct Part {
    double weight;
    std::vector<std::pair<int64_t, size_t>> texts;  // last step, and which encoding; ascending
    size_t at(int64_t step) const;
  };
  class Encoder;

  /// The encodings that one call needs: the unwanted half first. Empty where one call is not enough.
  std::vector<size_t> single_call(int64_t step) const;
  Tensor one_picture(int64_t step, const Tensor& x, int64_t picture, const Call& call, bool guidance) const;
  Tensor combined(const Tensor& unwanted, const std::vector<std::pair<double, Tensor>>& wanted, bool guidance) const;
  /// Encodings side by side. The last few are kept, with the keys and values that the network made of them.
  Tensor stacked(const std::vector<size_t>& encodings) const;

  const Settled& run_;
  bool with_unwanted_;
  std::vector<std::vector<Part>> wanted_;  // of each picture
  std::vector<Part> unwanted_;             // of each picture; none without guidance
  std::vector<Tensor> encodings_;          // [1, T, width]
  mutable std::list<std::pair<std::vector<size_t>, Tensor>> recent_;
  size_t most_recent_ = 8;
};

}  // namespace calotype

#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace calotype {

/// Where the weights of one network lie in mapped files, so that their pages can be given back once its work is done.
/// They come back by themselves when they are read again.
class MappedWeights {
 public:
  /// Tensors that own their bytes are left out.
  void add(const Tensor& weight);
  int64_t bytes() const;
  /// The network may be in use meanwhile: it only reads its pages again.
  void let_go() const;

 private:
  std::vector<std::pair<const std::byte*, int64_t>> stretches_;  // neighbours are one
};

}  // namespace calotype

#pragma once

#include <vector>

#include "nn/params.h"

namespace calotype {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// Fresh weights for training: every tensor is trainable, f32, and a function of the seed and its own path, so that the
/// order of construction does not matter. `parameters` lists them as they were asked for.
class FreshSource : public ParamSource {
 public:
  explicit FreshSource(uint64_t seed) : seed_(seed) {}
  Tensor get(const std::string& path, const Shape& shape, Init init) override;
  const std::vector<NamedTensor>& parameters() const { return parameters_; }

 private:
  uint64_t seed_;
  std::vector<NamedTensor> parameters_;
};

/// Passes another source's tensors on, and makes a trainable f32 copy of those that `wanted` picks by path.
class TrainableSource : public ParamSource {
 public:
  TrainableSource(ParamSource& inner, std::function<bool(const std::string&)> wanted)
      : inner_(inner), wanted_(std::move(wanted)) {}
  Tensor get(const std::string& path, const Shape& shape, Init init) override;
  const std::vector<NamedTensor>& parameters() const { return parameters_; }

 private:
  ParamSource& inner_;
  std::function<bool(const std::string&)> wanted_;
  std::vector<NamedTensor> parameters_;
};

/// Names and shapes, and tensors without bytes: what a configuration consists of. Use it under `Measuring`.
class ListingSource : public ParamSource {
 public:
  struct Entry {
    std::string name;
    Shape shape;
  };
  Tensor get(const std::string& path, const Shape& shape, Init init) override;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace calotype

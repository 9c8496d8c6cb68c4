#include "nn/fresh_source.h"

#include <cmath>

#include "base/random.h"
#include "ops/stored.h"

namespace calotype {
namespace {

constexpr uint32_t kInitStream = 1;

uint64_t hash_of(const std::string& path) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char c : path) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

}  // namespace

Tensor FreshSource::get(const std::string& path, const Shape& shape, Init init) {
  Tensor tensor = Tensor::full(shape, init.kind == Init::Kind::ones ? 1 : 0);
  CounterRng rng(seed_, kInitStream, hash_of(path));
  const auto values = tensor.edit<float>();
  if (init.kind == Init::Kind::kaiming) {
    const float bound = static_cast<float>(1 / std::sqrt(static_cast<double>(init.fan_in)));
    for (float& value : values) value = (2 * rng.uniform() - 1) * bound;
  }
  if (init.kind == Init::Kind::normal) {
    rng.normal(values);
    for (float& value : values) value *= static_cast<float>(init.deviation);
  }
  parameters_.push_back({path, tensor.trainable()});
  return parameters_.back().tensor;
}

Tensor TrainableSource::get(const std::string& path, const Shape& shape, Init init) {
  const Tensor tensor = inner_.get(path, shape, init);
  if (!wanted_(path)) return tensor;
  const Tensor copy = tensor.dtype() == DType::f32 ? tensor.clone() : widened(tensor);
  parameters_.push_back({path, copy.trainable()});
  return parameters_.back().tensor;
}

Tensor ListingSource::get(const std::string& path, const Shape& shape, Init) {
  entries_.push_back({path, shape});
  return Tensor::empty(shape);
}

}  // namespace calotype

#pragma once

#include <cstdint>
#include <span>

namespace calotype {

/// Normal numbers as torch draws them on a graphics card, as long as a draw has no more elements than threads are
/// launched: element i of draw k is a function of seed, k and i (Philox). To about 1e-7: the card's own logarithm and
/// sine differ in the last bit.
class DeviceRng {
 public:
  explicit DeviceRng(uint64_t seed) : seed_(seed) {}
  void normal(std::span<float> out);

 private:
  uint64_t seed_;
  uint32_t draws_ = 0;
};

}  // namespace calotype

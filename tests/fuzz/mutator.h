#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace calotype::fuzz {

using Bytes = std::vector<uint8_t>;

/// Makes new inputs of old ones. The same seed and corpus give the same sequence.
class Mutator {
 public:
  Mutator(uint64_t seed, size_t largest) : random_(seed), largest_(largest) {}

  /// One input of a corpus that is not empty, changed in one to eight places.
  Bytes next(const std::vector<Bytes>& corpus);

 private:
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  void change(Bytes& input, const std::vector<Bytes>& corpus);
  void overwrite_integer(Bytes& input);
  void rewrite_number(Bytes& input);
  void insert(Bytes& input, const Bytes& from);

  std::mt19937_64 random_;
  size_t largest_;
};

}  // namespace calotype::fuzz

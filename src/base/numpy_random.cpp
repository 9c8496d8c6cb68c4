#include "base/numpy_random.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace calotype {
namespace {

/// Low word first; 0 is one word.
void append_words(std::vector<uint32_t>& words, uint64_t value) {
  do {
    words.push_back(static_cast<uint32_t>(value));
    value >>= 32;
  } while (value > 0);
}

uint32_t mixed(uint32_t x, uint32_t y) {
  const uint32_t result = 0xca01f9dd * x - 0x4973f715 * y;
  return result ^ result >> 16;
}

}  // namespace

double NumpyRng::uniform() {
  const uint32_t high = static_cast<uint32_t>(engine_()) >> 5;
  const uint32_t low = static_cast<uint32_t>(engine_()) >> 6;
  return (high * 0x1p26 + low) * 0x1p-53;
}

double NumpyRng::next_normal() {
  if (waiting_) return *std::exchange(waiting_, std::nullopt);
  double first = 0, second = 0, square = 0;
  do {
    first = 2 * uniform() - 1;
    second = 2 * uniform() - 1;
    square = first * first + second * second;
  } while (square >= 1 || square == 0);
  const double scale = std::sqrt(-2 * std::log(square) / square);
  waiting_ = scale * first;
  return scale * second;
}

void NumpyRng::normal(std::span<double> out) {
  for (double& value : out) value = next_normal();
}
void NumpyRng::normal(std::span<float> out) {
  for (float& value : out) value = static_cast<float>(next_normal());
}

SeedSequence::SeedSequence(uint64_t entropy) {
  std::vector<uint32_t> words;
  append_words(words, entropy);
  fill(words);
}

SeedSequence::SeedSequence(uint64_t entropy, std::array<uint64_t, 2> spawn_key) {
  std::vector<uint32_t> words;
  append_words(words, entropy);
  words.resize(std::max(words.size(), kPool));
  for (const uint64_t key : spawn_key) append_words(words, key);
  fill(words);
}

void SeedSequence::fill(std::span<const uint32_t> words) {
  uint32_t constant = 0x43b0d7e5;
  const auto hashed = [&](uint32_t value) {
    value ^= constant;
    constant *= 0x931e8875;
    value *= constant;
    return value ^ value >> 16;
  };
  for (size_t i = 0; i < kPool; ++i) pool_[i] = hashed(i < words.size() ? words[i] : 0);
  for (size_t source = 0; source < kPool; ++source)
    for (size_t i = 0; i < kPool; ++i)
      if (i != source) pool_[i] = mixed(pool_[i], hashed(pool_[source]));
  for (size_t word = kPool; word < words.size(); ++word)
    for (uint32_t& entry : pool_) entry = mixed(entry, hashed(words[word]));
}

uint32_t SeedSequence::next() {
  uint32_t value = pool_[used_++ % kPool] ^ constant_;
  constant_ *= 0x58f38ded;
  value *= constant_;
  return value ^ value >> 16;
}

}  // namespace calotype

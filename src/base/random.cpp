#include "base/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace calotype {
namespace {

constexpr size_t kBlock = 16;

float as_uniform(uint32_t word) {
  return static_cast<float>(word & 0xFFFFFF) * 0x1p-24f;
}
double as_uniform(uint64_t word) {
  return static_cast<double>(word & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

template <class T>
T narrowed(double value) {
  if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(static_cast<float>(value));
  } else if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(static_cast<float>(value));
  } else {
    return static_cast<T>(value);
  }
}

/// To the half type and back.
template <class Half>
float rounded(float value) {
  return to_float(narrowed<Half>(value));
}

/// Box and Muller as torch 1.13 has it for halves: f16 rounds what each function returns, bf16 every operation too.
template <class Half>
void native_box_muller(std::span<float, kBlock> block) {
  constexpr bool kEvery = std::is_same_v<Half, BFloat16>;
  const auto step = [](float value) { return kEvery ? rounded<Half>(value) : value; };
  for (size_t j = 0; j < kBlock / 2; ++j) {
    const float u = rounded<Half>(1 - block[j]);
    const float radius = rounded<Half>(std::sqrt(step(-2 * step(std::log(u)))));
    const float angle = rounded<Half>(static_cast<float>(2 * std::numbers::pi * block[j + kBlock / 2]));
    block[j] = radius * step(std::cos(angle));
    block[j + kBlock / 2] = radius * step(std::sin(angle));
  }
}

}  // namespace

Rng::Rng(uint64_t seed, NormalKernel kernel) : engine_(static_cast<uint32_t>(seed)), kernel_(kernel) {}

uint64_t Rng::next64() {
  const uint64_t high = next32();
  return high << 32 | next32();
}

float Rng::uniform() {
  return as_uniform(next32());
}
double Rng::uniform64() {
  return as_uniform(next64());
}

uint32_t Rng::below(uint32_t bound) {
  check(bound > 0, "random: there is no number below 0");
  return next32() % bound;
}

std::vector<int64_t> Rng::permutation(int64_t count) {
  check(count >= 0 && count < int64_t{1} << 32, "random: a permutation of {} is beyond what torch's rule covers",
        count);
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = 0; i + 1 < count; ++i) std::swap(order[i], order[i + below(static_cast<uint32_t>(count - i))]);
  return order;
}

double Rng::next_normal() {
  if (waiting_) return *std::exchange(waiting_, std::nullopt);
  const double turn = uniform64();
  const double radius = std::sqrt(-2 * std::log1p(-uniform64()));
  const double angle = 2 * std::numbers::pi * turn;
  waiting_ = radius * std::sin(angle);
  return radius * std::cos(angle);
}

template <class T>
void Rng::few_normals(std::span<T> out) {
  for (T& value : out) value = narrowed<T>(next_normal());
}

template <class T>
void Rng::block_normals(std::span<T> out) {
  const auto draw = [&](std::span<T> part) {
    for (T& value : part) value = std::is_same_v<T, float> ? uniform() : static_cast<T>(uniform64());
  };
  const auto transform = [&](size_t first) {
    const std::span<T, kBlock> block(out.data() + first, kBlock);
    if constexpr (std::is_same_v<T, float>) {
      box_muller_16(block, kernel_);
    } else {
      box_muller_16(block);
    }
  };
  draw(out);
  for (size_t i = 0; i + kBlock <= out.size(); i += kBlock) transform(i);
  if (out.size() % kBlock != 0) {
    draw(out.last(kBlock));
    transform(out.size() - kBlock);
  }
}

template <class Half>
void Rng::half_normals(std::span<Half> out, HalfFill fill) {
  constexpr uint32_t kMask = std::is_same_v<Half, Float16> ? 0x7FF : 0xFF;
  std::array<float, kBlock> block;
  const auto draw = [&](size_t first) {
    for (float& value : block)
      value = fill == HalfFill::rounded ? uniform() : static_cast<float>(next32() & kMask) / (kMask + 1);
    if (fill == HalfFill::rounded) {
      box_muller_16(block, kernel_);
    } else {
      native_box_muller<Half>(block);
    }
    for (size_t i = 0; i < kBlock; ++i) out[first + i] = narrowed<Half>(block[i]);
  };
  for (size_t i = 0; i + kBlock <= out.size(); i += kBlock) draw(i);
  const size_t rest = out.size() % kBlock;
  if (rest == 0) return;
  if (fill == HalfFill::native)  // drawn for the unfinished block before it is drawn anew
    for (size_t i = 0; i < rest; ++i) next32();
  draw(out.size() - kBlock);
}

void Rng::normal(std::span<float> out) {
  out.size() < kBlock ? few_normals(out) : block_normals(out);
}
void Rng::normal(std::span<double> out) {
  out.size() < kBlock ? few_normals(out) : block_normals(out);
}
void Rng::normal(std::span<Float16> out, HalfFill fill) {
  out.size() < kBlock ? few_normals(out) : half_normals(out, fill);
}
void Rng::normal(std::span<BFloat16> out, HalfFill fill) {
  out.size() < kBlock ? few_normals(out) : half_normals(out, fill);
}

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{counter[0]} * 0xD2511F53, q = uint64_t{counter[2]} * 0xCD9E8D57;
    counter = {static_cast<uint32_t>(q >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(q),
               static_cast<uint32_t>(p >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

uint32_t CounterRng::next32() {
  if (used_ == 4) {
    words_ = philox(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return words_[used_++];
}

uint64_t CounterRng::next64() {
  const uint64_t high = next32();
  return high << 32 | next32();
}

float CounterRng::uniform() {
  return as_uniform(next32());
}
double CounterRng::uniform64() {
  return as_uniform(next64());
}

uint64_t CounterRng::below(uint64_t bound) {
  check(bound > 0, "random: there is no number below 0");
  // The words from 2^64 mod bound on are a whole number of times 0 .. bound - 1.
  const uint64_t least = (0 - bound) % bound;
  uint64_t word = next64();
  while (word < least) word = next64();
  return word % bound;
}

void CounterRng::normal(std::span<float> out) {
  std::array<float, kBlock> block;
  for (size_t first = 0; first < out.size(); first += kBlock) {
    for (float& value : block) value = uniform();
    box_muller_16(block, NormalKernel::vector);
    for (size_t i = first; i < std::min(first + kBlock, out.size()); ++i) out[i] = block[i - first];
  }
}

std::vector<int64_t> CounterRng::permutation(int64_t count) {
  std::vector<int64_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[i], order[below(i + 1)]);
  return order;
}

}  // namespace calotype

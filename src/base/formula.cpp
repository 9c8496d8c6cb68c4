#include "base/formula.h"

#include <array>
#include <cmath>

namespace calotype {
namespace {

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 14695981039346656037u;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

float unit(uint64_t seed, uint64_t index) {
  uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return static_cast<float>(z >> 40) * 0x1p-23f - 1.0f;
}

template <size_t N>
bool ends_in(std::string_view key, const std::array<std::string_view, N>& endings) {
  for (std::string_view ending : endings)
    if (key.ends_with(ending)) return true;
  return false;
}

}  // namespace

FormulaScale formula_scale(std::string_view key, std::span<const int64_t> extents) {
  constexpr std::array<std::string_view, 7> kTables = {
      "token_embedding.weight", "position_embedding.weight", "positional_embedding", "pos_embed", "cls_token",
      "class_embedding",        "label_emb.weight"};
  if (key.ends_with("running_mean")) return {0, 0.1f};
  if (key.ends_with("running_var")) return {1, 0.5f};
  if (ends_in(key, kTables)) return {0, 0.05f};
  if (extents.size() >= 2) {
    double fan_in = 1;
    for (int64_t extent : extents.subspan(1)) fan_in *= static_cast<double>(extent);
    return {0, static_cast<float>(std::sqrt(3.0 / fan_in))};
  }
  if (ends_in(key, std::array<std::string_view, 2>{".bias", "_bias"})) return {0, 0.1f};
  return {1, 0.1f};
}

void fill_formula(std::string_view key, FormulaScale scale, int64_t first, std::span<float> out) {
  const uint64_t seed = fnv1a(key);
  for (size_t i = 0; i < out.size(); ++i) out[i] = scale.offset + scale.scale * unit(seed, first + i);
}

void fill_formula_noise(std::string_view key, std::span<float> out) {
  const uint64_t seed = fnv1a(key);
  const float deviation = std::sqrt(3.0f);
  for (size_t i = 0; i < out.size(); ++i) out[i] = unit(seed, i) * deviation;
}

}  // namespace calotype

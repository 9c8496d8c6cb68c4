#include "base/device_random.h"

#include <cmath>

#include "base/parallel.h"
#include "base/random.h"

namespace calotype {

void DeviceRng::normal(std::span<float> out) {
  constexpr int64_t kPiece = 4096;
  constexpr double kWord = 0x1p-32;
  const double turn = 2.3283064e-10f * 6.2831855f;  // the reference multiplies in f32
  const std::array<uint32_t, 2> key{static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)};
  const int64_t count = static_cast<int64_t>(out.size());
  parallel_for((count + kPiece - 1) / kPiece, [&](int64_t piece) {
    for (int64_t i = piece * kPiece; i < std::min(count, (piece + 1) * kPiece); ++i) {
      const auto words = philox({draws_, 0, static_cast<uint32_t>(i), 0}, key);
      const double u = words[0] * kWord + kWord / 2, v = words[1] * turn + turn / 2;
      out[i] = static_cast<float>(std::sqrt(-2 * std::log(u)) * std::sin(v));
    }
  });
  ++draws_;
}

}  // namespace calotype

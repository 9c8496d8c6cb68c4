#include <cstdint>
#include <span>

#include "base/error.h"
#include "io/depth_file.h"

/// Any bytes are a depth map or one refusal; a map that is read is whole.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  const auto file = std::as_bytes(std::span(data, size));
  if (!is_pfm(file)) return 0;
  try {
    const FloatMap map = decode_pfm(file, "fuzz", {.max_pixels = 1 << 20});
    if (map.values.size() != static_cast<size_t>(map.width) * static_cast<size_t>(map.height)) __builtin_trap();
    if (decode_pfm(encode_pfm(map), "again").values.size() != map.values.size()) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}

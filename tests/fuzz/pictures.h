#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>

#include "base/error.h"
#include "io/image.h"

namespace calotype::fuzz {

inline constexpr ImageLimits kLimits{.max_pixels = 1 << 16, .max_text_bytes = 1 << 16};

/// Any bytes are a picture within the limits, or refused.
template <class Decode>
void decodes_or_refuses(std::span<const uint8_t> bytes, const Decode& decode) {
  Image image;
  try {
    image = decode(std::as_bytes(bytes));
  } catch (const Error& error) {
    const ErrorKind kind = error.kind();
    if (kind != ErrorKind::bad_file && kind != ErrorKind::out_of_memory && kind != ErrorKind::unsupported) std::abort();
    return;
  }
  const auto values = static_cast<size_t>(image.width) * image.height * image.channels;
  if (image.width <= 0 || image.height <= 0 || image.pixels.size() != values) std::abort();
  if (int64_t{image.width} * image.height > kLimits.max_pixels) std::abort();
}

}  // namespace calotype::fuzz

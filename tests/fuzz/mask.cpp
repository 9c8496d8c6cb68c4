// Any mask has a box within it, or is refused as empty; blurred, resampled and fitted it keeps its bounds.

#include "io/mask.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace calotype;
  constexpr size_t kHeader = 8;
  if (size <= kHeader) return 0;
  const auto side = [&](int i, int most) { return 1 + data[i] % most; };
  Image mask{side(0, 40), side(1, 40), 1, {}};
  mask.pixels.resize(static_cast<size_t>(mask.width) * mask.height);
  for (size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = data[kHeader + i % (size - kHeader)];
  const Size target{8 * side(2, 16), 8 * side(3, 16)};
  try {
    const Box box = crop_region(mask, target, data[4]);
    cropped(mask, box);  // checks that it lies within
    for (int y = 0; y < mask.height; ++y)
      for (int x = 0; x < mask.width; ++x)
        if (mask.pixels[static_cast<size_t>(y) * mask.width + x] != 0 &&
            (x < box.left || x >= box.right || y < box.top || y >= box.bottom))
          std::abort();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_input) std::abort();
    if (std::ranges::any_of(mask.pixels, [](uint8_t level) { return level != 0; })) std::abort();
  }
  const auto [least, greatest] = std::ranges::minmax(mask.pixels);
  for (const uint8_t level : gaussian_blur(mask, data[5] / 8.0).pixels)
    if (level < least || level > greatest) std::abort();
  const auto filter = static_cast<Resampling>(data[6] % 6);
  for (const ResizeMode mode : {ResizeMode::stretch, ResizeMode::crop, ResizeMode::fill}) {
    const Image image = fitted(mask, target, mode, filter);
    if (image.pixels.size() != static_cast<size_t>(target.width) * target.height) std::abort();
  }
  return 0;
}

#include "pipeline/preview.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "ops/combine.h"
#include "pipeline/decode.h"

namespace calotype {
namespace {

constexpr int64_t kCells = 16, kPatch = 2;  // patches of one colour, so that a cell is not decoded as texture

/// Patches of normal numbers: [1, kCells, kCells, channels], scaled.
Tensor patches(int64_t channels) {
  Tensor latents = Tensor::empty({1, kCells, kCells, channels});
  const std::span<float> values = latents.edit<float>();
  CounterRng rng(0, 0, 0);
  std::vector<float> numbers(kCells / kPatch * (kCells / kPatch) * channels);
  rng.normal(numbers);
  for (int64_t y = 0; y < kCells; ++y)
    for (int64_t x = 0; x < kCells; ++x)
      std::copy_n(&numbers[(y / kPatch * (kCells / kPatch) + x / kPatch) * channels], channels,
                  &values[(y * kCells + x) * channels]);
  return latents;
}

/// Solves a x = b in place by elimination; `a` [n, n] symmetric and positive definite, b [n, 3].
std::vector<double> solve(std::vector<double> a, std::vector<double> b, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t row = 0; row < n; ++row) {
      if (row == i) continue;
      const double factor = a[row * n + i] / a[i * n + i];
      for (int64_t k = 0; k < n; ++k) a[row * n + k] -= factor * a[i * n + k];
      for (int64_t k = 0; k < 3; ++k) b[row * 3 + k] -= factor * b[i * 3 + k];
    }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < 3; ++k) b[i * 3 + k] /= a[i * n + i];
  return b;
}

}  // namespace

Preview::Preview(const Vae& vae) : channels_(vae.config.embed_dim) {
  const NoGrad inference;
  const Tensor latents = patches(channels_);
  const Tensor decoded = vae.decode(combine({{1 / vae.config.scale_factor, latents}}));
  const auto cells = latents.view<float>(), pixels = decoded.view<float>();
  const int64_t n = channels_ + 1, factor = vae.config.downscale(), width = kCells * factor;
  std::vector<double> products(n * n), wanted(n * 3), row(n);
  for (int64_t i = 0; i < n; ++i) products[i * n + i] = 1e-3;
  for (int64_t cell = 0; cell < kCells * kCells; ++cell) {
    std::copy_n(&cells[cell * channels_], channels_, row.begin());
    row[channels_] = 1;
    for (int64_t k = 0; k < 3; ++k) {
      double mean = 0;
      for (int64_t y = 0; y < factor; ++y)
        for (int64_t x = 0; x < factor; ++x)
          mean += pixels[((cell / kCells * factor + y) * width + cell % kCells * factor + x) * 3 + k];
      mean = std::clamp(mean / static_cast<double>(factor * factor), -1.0, 1.0);
      for (int64_t i = 0; i < n; ++i) wanted[i * 3 + k] += row[i] * mean;
    }
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) products[i * n + j] += row[i] * row[j];
  }
  map_ = solve(std::move(products), std::move(wanted), n);
}

Image Preview::operator()(const Tensor& latents) const {
  Image image{static_cast<int>(latents.dim(2)), static_cast<int>(latents.dim(1)), 3, {}};
  const auto values = latents.view<float>();
  image.pixels.resize(size_t{3} * image.width * image.height);
  for (size_t pixel = 0; pixel < image.pixels.size() / 3; ++pixel)
    for (size_t k = 0; k < 3; ++k) {
      double level = map_[channels_ * 3 + k];
      for (int64_t c = 0; c < channels_; ++c) level += map_[c * 3 + k] * values[pixel * channels_ + c];
      const double byte = (std::isnan(level) ? 0 : level / 2 + 0.5) * 255;
      image.pixels[pixel * 3 + k] = static_cast<uint8_t>(std::clamp(std::round(byte), 0.0, 255.0));
    }
  return image;
}

Image decoded_guess(const Vae& vae, const Tensor& latents) {
  const NoGrad inference;
  return to_image(vae.decode(combine({{1 / vae.config.scale_factor, latents.rows(0, 1)}})), Recipe::diffusers);
}

Image decoded_guess(const TinyDecoder& decoder, const Tensor& latents) {
  const NoGrad inference;
  return to_image(decoder(latents.rows(0, 1)), Recipe::diffusers);
}

Image enlarged(const Image& image, int factor) {
  Image large{image.width * factor, image.height * factor, image.channels, {}};
  large.pixels.resize(size_t{1} * large.width * large.height * large.channels);
  for (int y = 0; y < large.height; ++y)
    for (int x = 0; x < large.width; ++x)
      std::copy_n(&image.pixels[(size_t{1} * (y / factor) * image.width + x / factor) * image.channels], image.channels,
                  &large.pixels[(size_t{1} * y * large.width + x) * image.channels]);
  return large;
}

}  // namespace calotype

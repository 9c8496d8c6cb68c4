#include "pipeline/masking.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/mask.h"
#include "io/printable.h"
#include "ops/arithmetic.h"
#include "ops/resize.h"
#include "ops/structure.h"
#include "pipeline/picture_input.h"

namespace calotype {
namespace {

/// One line of grey levels, `step` apart, convolved; beyond its ends it goes on mirrored, the outermost one apart.
void blur_line(const uint8_t* from, uint8_t* to, int64_t count, int64_t step, const std::vector<double>& kernel) {
  const auto radius = static_cast<int64_t>(kernel.size() / 2);
  for (int64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (int64_t k = -radius; k <= radius; ++k) {
      int64_t at = i + k;
      if (count == 1) at = 0;
      while (at < 0 || at >= count) at = at < 0 ? -at : 2 * (count - 1) - at;
      sum += kernel[k + radius] * from[at * step];
    }
    to[i * step] = static_cast<uint8_t>(std::clamp(std::nearbyint(sum), 0.0, 255.0));
  }
}

/// The web interface's blur of masks: a Gaussian of 2 int(2.5 blur + 0.5) + 1 taps along each axis.
Image web_blur(const Image& mask, double blur) {
  const auto radius = static_cast<int64_t>(2.5 * blur + 0.5);
  std::vector<double> kernel(2 * radius + 1);
  double sum = 0;
  for (int64_t k = -radius; k <= radius; ++k)
    sum += kernel[k + radius] = std::exp(-0.5 * static_cast<double>(k * k) / (blur * blur));
  for (double& weight : kernel) weight /= sum;
  Image across = mask, down = mask;
  const int64_t width = mask.width, height = mask.height;
  for (int64_t y = 0; y < height; ++y)
    blur_line(mask.pixels.data() + y * width, across.pixels.data() + y * width, width, 1, kernel);
  for (int64_t x = 0; x < width; ++x)
    blur_line(across.pixels.data() + x, down.pixels.data() + x, height, width, kernel);
  return down;
}

Size size_of(const Image& image) {
  return {image.width, image.height};
}

/// o (255 - m) / 255 + r m / 255, rounded.
uint8_t between(int original, int result, int mask) {
  return static_cast<uint8_t>((original * (255 - mask) + result * mask + 127) / 255);
}

}  // namespace

Image inverted(Image mask) {
  for (uint8_t& level : mask.pixels) level = static_cast<uint8_t>(255 - level);
  return mask;
}

void add_masking(std::vector<Field>& table, Masking& masking) {
  table.push_back({.name = "mask_blur",
                   .options = "--mask-blur",
                   .help = "pixels by which the mask's edge is softened",
                   .value = &masking.blur,
                   .low = 0,
                   .high = 1000});
  table.push_back({.name = "mask_invert",
                   .options = "--mask-invert",
                   .help = "black is drawn anew, not white",
                   .value = &masking.invert});
  table.push_back({.name = "mask_fill",
                   .options = "--mask-fill",
                   .help = "what lies under the mask to begin with, where the strength is below 1: the picture, its "
                           "surroundings smeared over it, noise, nothing",
                   .value = &masking.fill,
                   .choices = {"original", "blur", "noise", "zero"}});
}

MaskedPicture masked_picture(const Image& picture, const Masking& masking, Recipe recipe) {
  const std::string& fill = masking.fill;
  require(fill == "original" || fill == "blur" || fill == "noise" || fill == "zero", ErrorKind::bad_input,
          "mask_fill: there is none named '{}'; there are original, blur, noise, zero", printable(fill, 40));
  Image mask = grey(masking.mask);
  if (masking.invert) mask = inverted(std::move(mask));
  require(std::ranges::any_of(mask.pixels, is_white), ErrorKind::bad_input,
          "mask: nothing in it is white, so there is nothing to draw; white is drawn anew, --mask-invert turns it "
          "round");
  if (masking.blur > 0)
    mask = recipe == Recipe::web_ui ? web_blur(mask, masking.blur) : gaussian_blur(std::move(mask), masking.blur);
  MaskedPicture result{.picture = on_white(picture), .mask = std::move(mask), .given = {}};
  if (size_of(result.mask) != size_of(picture)) {
    result.given = result.mask;
    result.mask = resized(result.given, picture.width, picture.height);
  }
  return result;
}

Tensor drawing_mask(const MaskedPicture& masked, Size size) {
  if (!masked.box) return binary_mask(masked.given.pixels.empty() ? masked.mask : masked.given, size);
  return binary_mask(fitted(cropped(masked.mask, *masked.box), size, ResizeMode::fill), size);
}

Tensor drawing_picture(const MaskedPicture& masked, Size size) {
  if (!masked.box) return signed_levels(fitted(masked.picture, size, ResizeMode::stretch));
  return signed_levels(fitted(cropped(masked.picture, *masked.box), size, ResizeMode::fill));
}

Tensor latent_mask(const MaskedPicture& masked, const StableDiffusion& model, const Settled& run) {
  const Shape cells = latent_shape(model, run);
  const Size size{static_cast<int>(run.request.width), static_cast<int>(run.request.height)};
  if (run.recipe != Recipe::web_ui)
    return resize(drawing_mask(masked, size), cells[1], cells[2], {.interpolation = Interpolation::nearest});
  const Image part = masked.box ? cropped(masked.mask, *masked.box) : masked.mask;
  const Image small = resized(fitted(part, size, masked.box ? ResizeMode::fill : ResizeMode::stretch),
                              static_cast<int>(cells[2]), static_cast<int>(cells[1]), Resampling::bicubic);
  return binary_mask(small, size_of(small));
}

Image smeared(const Image& picture, const Image& mask) {
  constexpr struct {
    int radius, times;
  } kBlurs[] = {{256, 1}, {64, 1}, {16, 2}, {4, 4}, {2, 2}, {0, 1}};
  // What is kept, premultiplied by how much it is kept.
  Image kept{picture.width, picture.height, 4, std::vector<uint8_t>(4 * mask.pixels.size())};
  for (size_t i = 0; i < mask.pixels.size(); ++i) {
    const int alpha = 255 - mask.pixels[i];
    for (size_t c = 0; c < 3; ++c) kept.pixels[4 * i + c] = between(0, picture.pixels[3 * i + c], alpha);
    kept.pixels[4 * i + 3] = static_cast<uint8_t>(alpha);
  }
  Image result{picture.width, picture.height, 3, std::vector<uint8_t>(picture.pixels.size())};
  for (const auto& [radius, times] : kBlurs) {
    const Image blurred = gaussian_blur(kept, radius);
    for (int time = 0; time < times; ++time)
      for (size_t i = 0; i < mask.pixels.size(); ++i) {
        const int alpha = blurred.pixels[4 * i + 3];
        if (alpha == 0) continue;
        for (size_t c = 0; c < 3; ++c) {
          const int colour = std::min(255, (blurred.pixels[4 * i + c] * 255 + alpha / 2) / alpha);
          result.pixels[3 * i + c] = between(result.pixels[3 * i + c], colour, alpha);
        }
      }
  }
  return result;
}

Tensor widened(const Tensor& mask, int64_t channels) {
  Tensor wide = mask;
  while (wide.dim(3) < channels) wide = concat_channels(wide, mask);
  return wide;
}

Tensor filled(const Tensor& clean, const Tensor& mask, const Tensor& noise, const std::string& fill) {
  if (fill != "noise" && fill != "zero") return clean;
  const Tensor drawn = widened(mask, noise.dim(3)), rest = affine(drawn, -1, 1);
  const int64_t times = noise.dim(0) / clean.dim(0);
  const Tensor kept = repeat(clean, times) * rest;
  return fill == "noise" ? kept + noise * drawn : kept;
}

Image pasted(const MaskedPicture& masked, const Image& drawn) {
  Image result = masked.picture;
  if (masked.box) {
    paste(result, fitted(drawn, {masked.box->width(), masked.box->height()}, ResizeMode::crop), masked.box->left,
          masked.box->top);
  } else {
    result = resized(drawn, masked.picture.width, masked.picture.height);
  }
  for (size_t i = 0; i < masked.mask.pixels.size(); ++i)
    for (size_t c = 0; c < 3; ++c)
      result.pixels[3 * i + c] =
          between(masked.picture.pixels[3 * i + c], result.pixels[3 * i + c], masked.mask.pixels[i]);
  return result;
}

}  // namespace calotype

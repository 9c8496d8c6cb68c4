#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/fit.h"
#include "pipeline/request.h"

namespace calotype {

/// Where a picture is drawn anew.
struct Masking {
  Image mask = {};  // white (128 and above) is drawn; of any size; no pixels: nothing is masked
  bool invert = false;
  double blur = 0;    // standard deviation in pixels of the picture; 0: hard edges
  bool paste = true;  // lay the original over what was drawn; else the whole picture comes from the autoencoder
  std::string fill = "original";  // what lies under the mask to begin with
};

void add_masking(std::vector<Field>& table, Masking& masking);

/// A picture, RGB, and its mask, grey, blurred and turned round as asked.
struct MaskedPicture {
  Image picture;
  Image mask;                   // at the picture's size
  Image given;                  // at the size that it was given in, where that is another
  std::optional<Box> box = {};  // the part that is drawn; all where there is none
};

/// Throws `bad_input` where nothing is white. A mask of another size is resampled to the picture's.
MaskedPicture masked_picture(const Image& picture, const Masking& masking, Recipe recipe);

/// How the mask is known at the size of the drawing: 1 where white. [1, H, W, 1]
Tensor drawing_mask(const MaskedPicture& masked, Size size);
/// The same in cells. [1, h, w, 1]
Tensor latent_mask(const MaskedPicture& masked, const StableDiffusion& model, const Settled& run);
/// The picture, or the part of it that is drawn, at the size of the drawing. [1, H, W, 3]
Tensor drawing_picture(const MaskedPicture& masked, Size size);

/// The surroundings smeared over what is masked, by blurs of falling width laid over one another: what the web
/// interface calls "fill".
Image smeared(const Image& picture, const Image& mask);

/// Latents as they are to begin with where `fill` says so: of the scene's noise, or nothing, under the mask [1, h, w,
/// 1].
Tensor filled(const Tensor& clean, const Tensor& mask, const Tensor& noise, const std::string& fill);

/// Black for white.
Image inverted(Image mask);

/// A mask's one channel as many times as needed. [n, h, w, 1] -> [n, h, w, channels]
Tensor widened(const Tensor& mask, int64_t channels);

/// What was drawn, at the picture's own size and in its place; the original is laid over it where the mask is not
/// white, so that its bytes come back where the mask is 0.
Image pasted(const MaskedPicture& masked, const Image& drawn);

}  // namespace calotype

#pragma once

#include <string>
#include <vector>

#include "io/fit.h"
#include "pipeline/request.h"

namespace calotype {

// What pipelines share that begin with a picture.

/// The scaled latents of pictures [n, H, W, 3] in [-1, 1]. Recipes diffusers and ldm take a sample of what the
/// autoencoder says, drawn from `noise`: one a picture that is drawn, or, where one generator draws for all, one a
/// picture that is given. The web interface and ComfyUI are followed by its mean, for they draw no noise of the
/// picture's own there. -> [n or B, h, w, C]. The tap sees `vae_input` and `vae_moments`.
Tensor encoded(const StableDiffusion& model, const Settled& run, const Tensor& pictures, Noise& noise,
               const Watcher& watcher);

/// The noise that a drawing begins with, of unit variance, drawn from `noise`; a variation goes towards that of its
/// subseed, whose own generator draws nothing else. [B, h, w, C]
Tensor first_noise(const StableDiffusion& model, const Settled& run, Noise& noise);

/// Draws what `encoded` would draw, where its result is not needed.
void skip_encoding(const StableDiffusion& model, const Settled& run, int64_t pictures, Noise& noise);

/// Width and height where the request leaves them open: those of the picture, at most four times the area that the
/// model was trained at unless `full_size`, cut to whole cells; of one side alone the other follows by the picture's
/// shape. Returns what the user should know of it, empty mostly. Throws `bad_input` for a picture of less than a cell.
std::string choose_size(const StableDiffusion& model, TextToImage& request, Size picture, bool full_size);

/// Sets how much of the picture is replaced. Throws `bad_input` where no step is left of that.
void begin_with_picture(const StableDiffusion& model, Settled& run, double strength);

/// Pictures laid on white.
std::vector<Image> opaque(const std::vector<Image>& pictures);

/// One tensor of pictures at the size of the drawing. [n, H, W, 3]
Tensor vae_inputs(const std::vector<Image>& pictures, const Settled& run, ResizeMode mode = ResizeMode::stretch);

}  // namespace calotype

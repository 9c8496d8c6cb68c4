#pragma once

#include "io/fit.h"
#include "tensor/tensor.h"

namespace calotype {

// How each network is fed with a picture: RGB of 8 bits in, [1, h, w, C] of f32 out.

/// Levels to [-1, 1]: 2 (v / 255) - 1. Any number of channels.
Tensor signed_levels(const Image& image);

/// The size cut to multiples of `multiple`. Throws `bad_input` where nothing is left.
Size cut_to_multiples(Size size, int multiple);

/// For the autoencoder: resampled (Lanczos) to `asked`, or to the picture's own size where that is empty, cut to
/// multiples of `multiple`; in [-1, 1].
Tensor vae_input(const Image& image, Size asked = {}, ResizeMode mode = ResizeMode::stretch, int multiple = 8);

/// A mask at a size: grey levels resampled (Lanczos), 1 where white (repaint), else 0. [1, h, w, 1]
Tensor binary_mask(const Image& mask, Size size);

/// Which of the two scales that bring a side to the target is taken: that nearer to 1 (DPT), or the smaller (MiDaS 2.1
/// small), never beyond the target.
enum class DepthSizing { minimal, upper_bound };

/// The size at which the original code feeds its depth network: the shape kept, each side rounded to a multiple of 32.
/// A side may come out as 0.
Size depth_size(Size own, int target, DepthSizing sizing);

/// The original's preparation for DPT: floats, bicubic without antialiasing or clamping, in [-1, 1] or a little beyond.
/// Throws `bad_input` for a picture so long that a side of 0 would be left.
Tensor depth_input(const Image& image, int target = 384);

/// Transformers' preparation, as the depth pipeline of diffusers has it: squashed to a square of 8 bits, in [-1, 1].
Tensor depth_input_square(const Image& image, int side = 384, Resampling filter = Resampling::bilinear);

/// Where the middle square begins: transformers rounds down, open_clip to the nearest, halves to even.
enum class ClipCrop { transformers, open_clip };

/// For CLIP's image towers: the shorter side to `side` (bicubic), the middle square, normalised by CLIP's mean and
/// deviation.
Tensor clip_input(const Image& image, int side = 224, ClipCrop crop = ClipCrop::transformers);

}  // namespace calotype

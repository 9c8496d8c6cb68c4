#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "base/prediction.h"
#include "diffusion/level.h"
#include "tensor/tensor.h"

namespace calotype {

const char* name_of(Prediction prediction);
std::optional<Prediction> prediction_from(std::string_view name);

/// Raw output for a latent in variance-preserving coordinates, guidance included. x [B,H,W,C], the same shape comes
/// back; `time` is 0 .. 999, perhaps with a fraction.
using Network = std::function<Tensor(const Tensor& x, double time)>;

/// Guesses the clean latent from x at a level, in the coordinates of that level.
using Denoiser = std::function<Tensor(const Tensor& x, const Level& at)>;

/// The one wrapper that makes a denoiser of a network. Throws `bad_input` where the output says nothing: an epsilon
/// network at a level without signal.
Denoiser denoiser(Network network, Prediction prediction);

/// The clean latent that an output stands for; x in the coordinates of `at`. Differentiable.
Tensor clean_from(Prediction prediction, const Tensor& x, const Tensor& output, const Level& at);
/// The way back: the output that a guess of the clean latent stands for.
Tensor output_from(Prediction prediction, const Tensor& x, const Tensor& clean, const Level& at);
/// Where an output leads x without fresh noise: DDIM's step (Song et al. 2021), from x at step.from.
Tensor moved(Prediction prediction, const Tensor& x, const Tensor& output, const Step& step);
/// The noise in x, once the clean latent is known or guessed.
Tensor noise_from(const Tensor& x, const Tensor& clean, const Level& at);

/// x = signal * clean + noise_share * noise: one level for all pictures, or one for each.
Tensor add_noise(const Tensor& clean, const Tensor& noise, std::span<const Level> levels);
/// What a network is trained to return at these levels, which are variance preserving.
Tensor target(Prediction prediction, const Tensor& clean, const Tensor& noise, std::span<const Level> levels);

/// The weight of a training loss that keeps easy levels from taking over (Hang et al. 2023); `snr` is the squared ratio
/// of signal to noise at the level, the loss is that of the network's own output.
double min_snr_weight(Prediction prediction, double snr, double gamma = 5);

}  // namespace calotype

#pragma once

#include <functional>
#include <limits>
#include <optional>

#include "diffusion/plan.h"
#include "diffusion/prediction.h"

namespace calotype {

/// A second-order correction of DPM-Solver++ (Lu et al. 2022).
enum class Solver { midpoint, heun };

/// What users and the reference programs set; a sampler reads what concerns it.
struct SamplerOptions {
  double eta = 0;          ///< share of fresh noise: DDIM 0 .. 1, ancestral samplers 1 as a rule
  double noise_scale = 1;  ///< factor on fresh noise ("s_noise")
  double churn = 0;        ///< noise added before steps, over the whole run ("s_churn"); 0 turns it off
  double churn_from = 0;   ///< and only at sigma between these two
  double churn_to = std::numeric_limits<double>::infinity();
  /// diffusers adds churn after the network was called, and corrects for it by what the output means.
  std::optional<Prediction> late_churn = std::nullopt;
  /// Noise is drawn at every step, also where nothing of it is used: it moves a generator that others share.
  bool always_draw = false;
  double clip = 0;          ///< guesses of the clean latent are clamped to +-clip; 0 turns it off
  bool clip_noise = false;  ///< the guessed noise then follows from the clamped guess ("use_clipped_model_output")
  Solver solver = Solver::midpoint;
  bool lower_order_final = false;  ///< first order at the last step of fewer than 15
  bool first_order_final = false;  ///< first order at the last step ("euler_at_final")
};

/// A step whose network call is done, before the step is taken.
struct Progress {
  size_t index, count;  ///< index is less than count
  const Level& level;
  const Tensor& x;      ///< in the coordinates of `level`
  const Tensor& clean;  ///< what the network makes of it
};

/// All that a sampler is given besides its first state. `plan`, `denoise` and `draw` must be set; a sampler that needs
/// no noise never calls `draw`. To stop early, throw from a callback.
struct Sampling {
  Plan plan;
  Denoiser denoise;
  std::function<Tensor()> draw;  ///< the next normal noise, shaped like x
  SamplerOptions options;
  std::function<void(const Progress&)> on_step;
  /// May change the state after a step: inpainting puts back what is kept.
  std::function<Tensor(Tensor x, const Step& step)> after_step;

  /// The network's guess at step `index`, made known to `on_step`.
  Tensor guess(size_t index, const Tensor& x, const Level& at) const;
  Tensor finished(size_t index, Tensor x) const;
};

/// From x at plan.steps[plan.first].from to the clean latent at the end of the plan.
using SamplerFunction = Tensor (*)(const Sampling& run, Tensor x);

// The samplers, each in a file of its name.
Tensor ddim(const Sampling& run, Tensor x);
Tensor euler(const Sampling& run, Tensor x);
Tensor euler_ancestral(const Sampling& run, Tensor x);
Tensor dpmpp_2m(const Sampling& run, Tensor x);

}  // namespace calotype

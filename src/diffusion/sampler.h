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
  bool late_churn = false;
  /// Noise is drawn at every step, also where nothing of it is used: it moves a generator that others share.
  bool always_draw = false;
  bool brownian = false;    ///< noise comes from one path over sigma, `Sampling::between`
  double clip = 0;          ///< guesses of the clean latent are clamped to +-clip; 0 turns it off
  bool clip_noise = false;  ///< the guessed noise then follows from the clamped guess ("use_clipped_model_output")
  int order = 2;            ///< greatest order of a step, where a sampler has several: 1 .. 3, LMS 1 .. 4
  Solver solver = Solver::midpoint;
  bool lower_order_final = false;  ///< lower order at the last steps of fewer than 15
  bool first_order_final = false;  ///< first order at the last step ("euler_at_final")
  bool bh1 = false;                ///< UniPC's other weight, h instead of e^h - 1
  bool large_variance = false;     ///< DDPM's noise has the variance of the forward step ("fixed_large")
  bool raw_outputs = false;        ///< PNDM of diffusers: outputs are averaged as they are, a v too
  bool late_weights = false;  ///< LMS of diffusers, begun in the middle, weighs as if there were outputs from before
  bool boundary_scaling = false;        ///< LCM of diffusers mixes a little of x in near time 0
  bool sde_third_order_defect = false;  ///< DPM++ SDE of third order with diffusers' constant
  double relative_tolerance = 0.05;     ///< DPM adaptive
  double absolute_tolerance = 0.0078;   ///< DPM adaptive
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
  /// Once a step, after its first call of the network.
  std::function<void(const Progress&)> on_step;
  std::function<void(size_t index)> before_step = {};  ///< before the network is called for it, of those that are run
  /// May change the state after a step: inpainting puts back what is kept.
  std::function<Tensor(Tensor x, const Step& step)> after_step;
  /// Noise of unit variance that belongs to the stretch from `sigma` down to `next`; not set: `draw` serves.
  std::function<Tensor(double sigma, double next)> between = {};
  Prediction prediction = Prediction::epsilon;  ///< what the network returns, for samplers that keep raw outputs

  /// The network's guess at step `index`, made known to `on_step`.
  Tensor guess(size_t index, const Tensor& x, const Level& at) const;
  Tensor finished(size_t index, Tensor x) const;
  Tensor noise(double sigma, double next) const { return between ? between(sigma, next) : draw(); }
};

/// From x at plan.steps[plan.first].from to the clean latent at the end of the plan.
using SamplerFunction = Tensor (*)(const Sampling& run, Tensor x);

// The samplers, each in a file of its name.
Tensor ddim(const Sampling& run, Tensor x);
Tensor ddpm(const Sampling& run, Tensor x);
Tensor plms(const Sampling& run, Tensor x);
Tensor pndm_prk(const Sampling& run, Tensor x);
Tensor lms(const Sampling& run, Tensor x);
Tensor euler(const Sampling& run, Tensor x);
Tensor euler_ancestral(const Sampling& run, Tensor x);
Tensor heun(const Sampling& run, Tensor x);
Tensor restart(const Sampling& run, Tensor x);
Tensor dpm_2(const Sampling& run, Tensor x);
Tensor dpm_2_ancestral(const Sampling& run, Tensor x);
Tensor dpmpp_2s_ancestral(const Sampling& run, Tensor x);
Tensor dpmpp_sde(const Sampling& run, Tensor x);
Tensor dpmpp_multistep(const Sampling& run, Tensor x);
Tensor dpm_multistep(const Sampling& run, Tensor x);
Tensor dpmpp_singlestep(const Sampling& run, Tensor x);
Tensor unipc(const Sampling& run, Tensor x);
Tensor deis(const Sampling& run, Tensor x);
Tensor lcm(const Sampling& run, Tensor x);
Tensor tcd(const Sampling& run, Tensor x);
Tensor dpm_fast(const Sampling& run, Tensor x);
Tensor dpm_adaptive(const Sampling& run, Tensor x);

}  // namespace calotype

#include "pipeline/start.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/combine.h"
#include "ops/structure.h"
#include "pipeline/picture_input.h"

namespace calotype {
namespace {

/// Does the recipe draw noise for the picture's own latents?
bool samples_latents(Recipe recipe) {
  return recipe == Recipe::diffusers || recipe == Recipe::ldm;
}

int64_t drawn_for(const Settled& run, int64_t pictures) {
  return run.request.one_generator ? pictures : std::max(pictures, run.pictures());
}

Tensor joined(const std::vector<Tensor>& parts) {
  return parts.size() == 1 ? parts[0] : stack_pictures(parts);
}

}  // namespace

Tensor encoded(const StableDiffusion& model, const Settled& run, const Tensor& pictures, Noise& noise,
               const Watcher& watcher) {
  watcher.phase("encode");
  watcher.tap("vae_input", pictures);
  std::vector<Tensor> means, variances;
  for (int64_t i = 0; i < pictures.dim(0); ++i) {  // one at a time, as they are decoded
    const Posterior posterior = model.vae->encode(pictures.rows(i, 1));
    means.push_back(posterior.mean);
    variances.push_back(posterior.log_variance);
  }
  Posterior all{joined(means), joined(variances)};
  watcher.tap("vae_moments", concat_channels(all.mean, all.log_variance));
  const double scale = model.vae->config.scale_factor;
  if (!samples_latents(run.recipe)) return combine({{scale, all.mean}});
  const int64_t times = drawn_for(run, pictures.dim(0)) / pictures.dim(0);
  all = {repeat(all.mean, times), repeat(all.log_variance, times)};
  return combine({{scale, all.sample(noise.draw(all.mean.shape()))}});
}

Tensor first_noise(const StableDiffusion& model, const Settled& run, Noise& noise) {
  const Shape shape = latent_shape(model, run);
  const Tensor own = noise.draw(shape);
  const TextToImage& request = run.request;
  if (request.subseed_strength == 0) return own;
  const auto subseed = static_cast<uint64_t>(request.subseed);
  Noise other = request.one_generator ? Noise::whole_batch(subseed, run.rng)
                                      : Noise::per_picture(subseed, static_cast<int>(run.pictures()), run.rng);
  return varied(own, other.draw(shape), request.subseed_strength);
}

void skip_encoding(const StableDiffusion& model, const Settled& run, int64_t pictures, Noise& noise) {
  const Shape shape = latent_shape(model, run);
  if (samples_latents(run.recipe)) noise.draw({drawn_for(run, pictures), shape[1], shape[2], shape[3]});
}

std::string choose_size(const StableDiffusion& model, TextToImage& request, Size picture, bool full_size) {
  const int64_t cell = model.vae->config.downscale();
  std::string remark;
  if (request.width == 0 && request.height == 0) {
    const Size whole = full_size ? picture : capped(picture, model.native_size());
    const Size cut = cut_to_multiples(whole, static_cast<int>(cell));
    request.width = cut.width;
    request.height = cut.height;
    if (whole != picture)
      remark = fmt::format(
          "the picture of {}x{} is drawn at {}x{}, four times the model's area; --full-size or --size "
          "overrules",
          picture.width, picture.height, cut.width, cut.height);
  }
  const auto other = [&](int64_t side, int64_t of, int64_t to) {
    return std::max(side * to / of / cell, int64_t{1}) * cell;
  };
  if (request.width == 0) request.width = other(request.height, picture.height, picture.width);
  if (request.height == 0) request.height = other(request.width, picture.width, picture.height);
  return remark;
}

void begin_with_picture(const StableDiffusion& model, Settled& run, double strength) {
  run.encodes = true;
  run.plan.strength = strength;
  make_plan(schedule_of(model.noise), run.sampler->family, run.plan);  // says now what it would refuse later
}

std::vector<Image> opaque(const std::vector<Image>& pictures) {
  std::vector<Image> result;
  for (const Image& picture : pictures) result.push_back(on_white(picture));
  return result;
}

Tensor vae_inputs(const std::vector<Image>& pictures, const Settled& run, ResizeMode mode) {
  const Size size{static_cast<int>(run.request.width), static_cast<int>(run.request.height)};
  std::vector<Tensor> parts;
  for (const Image& picture : pictures) parts.push_back(signed_levels(fitted(picture, size, mode)));
  return joined(parts);
}

}  // namespace calotype

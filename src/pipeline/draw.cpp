#include "pipeline/draw.h"

#include <utility>

#include "diffusion/guidance.h"
#include "diffusion/noise.h"
#include "ops/arithmetic.h"
#include "ops/combine.h"
#include "ops/structure.h"
#include "pipeline/contexts.h"
#include "pipeline/decode.h"
#include "pipeline/finite.h"

namespace calotype {
namespace {

Tensor for_all(const Tensor& x, int64_t pictures) {
  return x.dim(0) == pictures ? x : repeat(x, pictures / x.dim(0));
}

/// The UNet as samplers see it: a latent and a time in, the guided output out.
Network network(const StableDiffusion& model, const Settled& run, const Scene& scene, Tensor context, const Tap& tap) {
  const Tensor beside = scene.beside ? for_all(scene.beside, run.pictures()) : Tensor();
  return
      [&model, &run, tap, beside, levels = scene.levels, context = std::move(context)](const Tensor& x, double time) {
        const Tensor input = beside ? concat_channels(x, beside) : x;
        tap("net_input", input);
        const Tensor output = (*model.unet)({.x = input, .times = {time}, .context = context, .levels = levels});
        tap("net_output", output);
        if (!run.guided) return output;
        const int64_t pictures = x.dim(0);
        return guided(output.rows(0, pictures), output.rows(pictures, pictures), run.request.cfg_scale,
                      run.request.guidance_rescale);
      };
}

/// Outside of the mask the picture comes back after each step, at the level where the next one begins.
std::function<Tensor(Tensor, const Step&)> keeper(const Scene& scene, const Plan& plan, int64_t pictures) {
  if (!scene.mask) return {};
  Tensor drawn = for_all(scene.mask, pictures);
  while (drawn.dim(3) < scene.noise.dim(3)) drawn = concat_channels(drawn, for_all(scene.mask, pictures));
  const Tensor rest = affine(drawn, -1, 1), kept = for_all(scene.kept, pictures);
  return [&plan, noise = scene.noise, drawn, rest, kept](Tensor x, const Step& step) {
    const auto next = static_cast<size_t>(&step - plan.steps.data()) + 1;
    const Level level = next < plan.steps.size() ? plan.steps[next].from : Level{};
    const Tensor as_noisy = level.noise > 0 ? combine({{level.signal, kept}, {level.noise, noise}}) : kept;
    return rest * as_noisy + drawn * x;
  };
}

}  // namespace

Tensor draw_latents(const StableDiffusion& model, const Settled& run, const Watcher& watcher) {
  const NoGrad inference;
  Noise noise =
      run.request.one_generator ? Noise::whole_batch(run.request.seeds[0]) : Noise::per_picture(run.request.seeds);
  watcher.phase("text");
  const Tensor context = contexts(model, run, watcher);
  watcher.tap("context", context);
  const int64_t cell = model.vae->config.downscale();
  const Shape shape{run.pictures(), run.request.height / cell, run.request.width / cell, model.vae->config.embed_dim};
  const Scene scene = run.prepare ? run.prepare(noise, watcher) : Scene{.noise = noise.draw(shape)};

  Sampling sampling;
  sampling.plan = make_plan(schedule_of(model.noise), run.sampler->family, run.plan);
  sampling.options = run.options;
  sampling.draw = [&] { return noise.draw(shape); };
  sampling.on_step = watcher.on_step;
  sampling.after_step = keeper(scene, sampling.plan, run.pictures());
  sampling.denoise = denoiser(network(model, run, scene, context, watcher.tap), model.prediction);
  watcher.phase("sample");
  Tensor first = scene.clean ? first_state(sampling.plan, scene.noise, for_all(scene.clean, run.pictures()))
                             : first_state(sampling.plan, scene.noise);
  Tensor latents = run.sampler->run(sampling, std::move(first));
  require_finite(latents, "the latents");
  return latents;
}

Image finished_picture(const StableDiffusion& model, const Settled& run, const Tensor& latent, int64_t index,
                       const Tap& tap) {
  Image image = decode_latent(*model.vae, latent, run.recipe, tap);
  return run.finish ? run.finish(std::move(image), index) : image;
}

Drawing draw(const StableDiffusion& model, const Settled& run, const Watcher& watcher) {
  Drawing drawing;
  drawing.latents = draw_latents(model, run, watcher);
  watcher.phase("decode");
  for (int64_t b = 0; b < run.pictures(); ++b)
    drawing.images.push_back(finished_picture(model, run, drawing.latents.rows(b, 1), b, watcher.tap));
  return drawing;
}

}  // namespace calotype

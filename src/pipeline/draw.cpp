#include "pipeline/draw.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "diffusion/noise.h"
#include "io/printable.h"
#include "ops/arithmetic.h"
#include "ops/combine.h"
#include "ops/structure.h"
#include "pipeline/conditioning.h"
#include "pipeline/decode.h"
#include "pipeline/finite.h"
#include "pipeline/masking.h"
#include "pipeline/start.h"
#include "pipeline/unet_calls.h"

namespace calotype {
namespace {

Tensor for_all(const Tensor& x, int64_t pictures) {
  return x.dim(0) == pictures ? x : repeat(x, pictures / x.dim(0));
}

/// What a call tells the network beside the text: rows of `vector` for its pictures, zeros for what is unwanted.
Tensor told(const Tensor& vector, int64_t contexts, int64_t unwanted) {
  const Tensor wanted = contexts > unwanted ? repeat(vector, (contexts - unwanted) / vector.dim(0)) : Tensor();
  if (unwanted == 0) return wanted;
  const Tensor nothing = Tensor::zeros({unwanted, vector.dim(1)});
  return wanted ? stack_pictures(std::vector<Tensor>{nothing, wanted}) : nothing;
}

/// Whether guidance, if there is any, is wanted at this time of the schedule.
bool guidance_at(const Settled& run, const NoiseSchedule& schedule, double time) {
  const std::vector<double>& interval = run.request.guidance_interval;
  if (interval.empty()) return true;
  const double sigma = schedule.sigma_log_linear(time);
  return sigma > interval[0] && sigma <= interval[1];
}

/// The UNet as samplers see it: a latent and a time in, the guided output out. `step` is the one that is under way.
Network network(const StableDiffusion& model, const Settled& run, const Scene& scene, const Conditioning& conditioning,
                const size_t& step, const Tap& tap) {
  const Tensor beside = scene.beside ? for_all(scene.beside, run.pictures()) : Tensor();
  const Tensor vector = scene.vector ? for_all(scene.vector, run.pictures()) : Tensor();
  const auto calls = std::make_shared<UNetCalls>(*model.unet, run);
  return [&run, &conditioning, &step, calls, tap, beside, vector, levels = scene.levels,
          schedule = schedule_of(model.noise)](const Tensor& x, double time) {
    const Tensor input = beside ? concat_channels(x, beside) : x;
    tap("net_input", input);
    const auto call = [&](const Tensor& pictures, const Tensor& context, int64_t first, int64_t unwanted) {
      std::vector<int32_t> some = levels;
      if (some.size() > 1) some = {levels.begin() + first, levels.begin() + first + pictures.dim(0)};
      UNet::Inputs inputs{.x = pictures, .times = {time}, .context = context, .levels = some};
      if (vector) {
        // What is told differs from the first layer on, so the pictures come once for each context.
        inputs.vector = told(vector.rows(first, pictures.dim(0)), context.dim(0), unwanted);
        inputs.x = for_all(pictures, context.dim(0));
      }
      const Tensor output = (*calls)(inputs, first);
      tap("net_output", output);
      return output;
    };
    return conditioning.guided_output(static_cast<int64_t>(step), input, call, guidance_at(run, schedule, time));
  };
}

/// What stays outside of the mask of a scene.
struct Keeper {
  Tensor drawn, rest;  // 1 where something is drawn, and 1 where not
  Tensor kept, noise;

  Keeper(const Scene& scene, int64_t pictures)
      : drawn(for_all(widened(scene.mask, scene.noise.dim(3)), pictures)),
        rest(affine(drawn, -1, 1)),
        kept(for_all(scene.kept, pictures)),
        noise(scene.noise) {}

  Tensor operator()(const Tensor& x, const Level& at) const {
    const Tensor as_noisy = at.noise > 0 ? combine({{at.signal, kept}, {at.noise, noise}}) : kept;
    return rest * as_noisy + drawn * x;
  }
};

/// Puts back what is kept: into every guess of the clean latent, as the web interface does, or into the state that the
/// network is shown, as diffusers does after every step. The state that a drawing begins with stays as it is. What a
/// sampler makes of the rest of its own state is of no account, for it works on each value by itself.
Denoiser keeping(const Keeper& keeper, Denoiser guess, Recipe recipe) {
  if (recipe == Recipe::web_ui)
    return
        [keeper, guess = std::move(guess)](const Tensor& x, const Level& at) { return keeper(guess(x, at), Level{}); };
  return [keeper, guess = std::move(guess), first = true](const Tensor& x, const Level& at) mutable {
    const Tensor shown = std::exchange(first, false) ? x : keeper(x, at);
    return guess(shown, at);
  };
}

}  // namespace

Tensor draw_latents(const StableDiffusion& model, const Settled& run, const Watcher& watcher, const NoisePath& path) {
  const NoGrad inference;
  Noise noise = run.request.one_generator ? Noise::whole_batch(run.request.seeds[0], run.rng)
                                          : Noise::per_picture(run.request.seeds, run.rng);
  for (const AdapterTag& tag : run.adapters)
    require(std::ranges::find(model.adapters, tag.name, &AdapterReport::name) != model.adapters.end(),
            ErrorKind::bad_input, "prompt: <lora:{}>: the model was opened without an adapter of that name",
            printable(tag.name, 60));
  for (const std::string& remark : run.remarks) watcher.warn(remark);
  Sampling sampling;
  sampling.plan = make_plan(schedule_of(model.noise), run.sampler->family, run.plan);
  watcher.phase("text");
  const auto steps = static_cast<int64_t>(sampling.plan.steps.size() - sampling.plan.first);
  const Conditioning conditioning(model, run, steps, watcher);
  if (const Tensor context = conditioning.first_context()) watcher.tap("context", context);
  model.text_weights.let_go();
  const Shape shape = latent_shape(model, run);
  const Scene scene =
      run.prepare ? run.prepare(model, run, noise, watcher) : Scene{.noise = first_noise(model, run, noise)};
  for (const MappedWeights* done : {&model.vae_weights, &model.depth_weights, &model.image_weights}) done->let_go();
  trim_allocator();  // the network's tensors are of other sizes

  size_t step = 0;
  sampling.options = run.options;
  if (const auto delta = later_seed_delta(run.recipe, static_cast<uint64_t>(run.request.eta_noise_seed_delta)))
    noise = noise.begun_anew(*delta);
  noise.serve(sampling, shape);
  if (path) sampling.between = path;
  sampling.on_step = watcher.on_step;
  sampling.prediction = model.prediction;
  sampling.before_step = [&step](size_t index) { step = index; };
  sampling.denoise = [guess = denoiser(network(model, run, scene, conditioning, step, watcher.tap), model.prediction),
                      &watcher](const Tensor& x, const Level& at) {
    watcher.call(x, at);
    return guess(x, at);
  };
  std::optional<Keeper> keeper;
  if (scene.mask) keeper.emplace(scene, run.pictures());
  if (keeper) sampling.denoise = keeping(*keeper, std::move(sampling.denoise), run.recipe);
  watcher.phase("sample");
  Tensor first = scene.clean ? first_state(sampling.plan, scene.noise, for_all(scene.clean, run.pictures()))
                             : first_state(sampling.plan, scene.noise);
  Tensor latents = run.sampler->run(sampling, std::move(first));
  if (keeper) latents = (*keeper)(latents, Level{});
  require_finite(latents, "the latents");
  model.unet_weights.let_go();
  trim_allocator();
  return latents;
}

Image finished_picture(const StableDiffusion& model, const Settled& run, const Tensor& latent, int64_t index,
                       const Tap& tap) {
  Image image = decode_latent(*model.vae, latent, run.recipe, tap, run.memory.decode);
  return run.finish ? run.finish(std::move(image), index) : image;
}

Drawing draw(const StableDiffusion& model, const Settled& run, const Watcher& watcher, const NoisePath& path) {
  Drawing drawing;
  drawing.latents = draw_latents(model, run, watcher, path);
  watcher.phase("decode");
  for (int64_t b = 0; b < run.pictures(); ++b)
    drawing.images.push_back(finished_picture(model, run, drawing.latents.rows(b, 1), b, watcher.tap));
  return drawing;
}

}  // namespace calotype

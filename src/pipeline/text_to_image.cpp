#include "pipeline/text_to_image.h"

#include <map>

#include "diffusion/guidance.h"
#include "diffusion/noise.h"
#include "ops/structure.h"
#include "pipeline/decode.h"
#include "pipeline/finite.h"
#include "text/prompt.h"

namespace calotype {
namespace {

/// What the network attends to: [unwanted.., wanted..], one of each a picture, or the wanted alone without guidance.
/// [2B or B, 77, width]
Tensor contexts(const StableDiffusion& model, const Settled& run, const Watcher& watcher) {
  const Tokenizer& tokenizer = Tokenizer::clip(run.tokenizer);
  std::map<std::pair<int64_t, std::string>, Tensor> known;  // most often all pictures have the same text
  std::vector<Tensor> rows;
  const auto add = [&](const std::vector<std::string>& texts, int64_t skipped) {
    const int64_t blocks = model.text->config.used_layers - skipped;
    for (const std::string& text : texts) {
      Tensor& row = known[{blocks, text}];
      if (!row) {
        const FramedPrompt framed = frame(text, tokenizer);
        watcher.warn(framed.warning());
        row = (*model.text)(framed.ids, {blocks, 0});
      }
      rows.push_back(row);
    }
  };
  if (run.guided) add(run.request.negative_prompts, 0);
  add(run.request.prompts, run.request.clip_skip);
  return rows.size() == 1 ? rows[0] : stack_pictures(rows);
}

/// The UNet as samplers see it: a latent and a time in, the guided output out.
Network network(const StableDiffusion& model, const Settled& run, Tensor context, const Tap& tap) {
  return [&model, &run, tap, context = std::move(context)](const Tensor& x, double time) {
    tap("net_input", x);
    const Tensor output = (*model.unet)({.x = x, .times = {time}, .context = context});
    tap("net_output", output);
    if (!run.guided) return output;
    const int64_t pictures = x.dim(0);
    return guided(output.rows(0, pictures), output.rows(pictures, pictures), run.request.cfg_scale,
                  run.request.guidance_rescale);
  };
}

}  // namespace

Tensor draw_latents(const StableDiffusion& model, const Settled& run, const Watcher& watcher) {
  const NoGrad inference;
  const int64_t cell = model.vae->config.downscale();
  const Shape shape{run.pictures(), run.request.height / cell, run.request.width / cell, model.vae->config.embed_dim};
  Noise noise =
      run.request.one_generator ? Noise::whole_batch(run.request.seeds[0]) : Noise::per_picture(run.request.seeds);

  Sampling sampling;
  sampling.plan = make_plan(schedule_of(model.noise), run.sampler->family, run.plan);
  sampling.options = run.options;
  sampling.draw = [&] { return noise.draw(shape); };
  sampling.on_step = watcher.on_step;
  watcher.phase("text");
  const Tensor context = contexts(model, run, watcher);
  watcher.tap("context", context);
  sampling.denoise = denoiser(network(model, run, context, watcher.tap), model.prediction);
  watcher.phase("sample");
  Tensor latents = run.sampler->run(sampling, first_state(sampling.plan, noise.draw(shape)));
  require_finite(latents, "the latents");
  return latents;
}

Drawing text_to_image(const StableDiffusion& model, const TextToImage& request, const Watcher& watcher) {
  const Settled run = settle(model, request);
  Drawing drawing;
  drawing.latents = draw_latents(model, run, watcher);
  watcher.phase("decode");
  for (int64_t b = 0; b < run.pictures(); ++b)
    drawing.images.push_back(decode_latent(*model.vae, drawing.latents.rows(b, 1), run.recipe, watcher.tap));
  return drawing;
}

}  // namespace calotype

#include "pipeline/image_variations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "base/error.h"
#include "ops/arithmetic.h"
#include "ops/combine.h"
#include "ops/embedding.h"
#include "ops/structure.h"
#include "pipeline/model_kind.h"
#include "pipeline/picture_input.h"
#include "tensor/history.h"

namespace calotype {
namespace {

constexpr double kMostWeight = 1e6;
constexpr int64_t kMostNoise = 999;

/// x a + b with a row for all pictures.
Tensor by_row(const Tensor& x, const Tensor& factor, const Tensor& addend) {
  const int64_t width = x.dim(1);
  Tensor y = x;
  if (factor) y = y * factor.reshape({1, width});
  return addend ? y + addend.reshape({1, width}) : y;
}

Tensor inverse(const Tensor& x) {
  if (!x) return x;
  Tensor y = Tensor::empty(x.shape());
  std::ranges::transform(x.view<float>(), y.edit<float>().begin(), [](float value) { return 1 / value; });
  return y;
}

void check_weights(const std::vector<ImagePrompt>& pictures) {
  double sum = 0;
  for (const ImagePrompt& prompt : pictures) {
    require(std::isfinite(prompt.weight) && std::abs(prompt.weight) <= kMostWeight, ErrorKind::bad_input,
            "image_prompt: a weight of {} is out of bounds", prompt.weight);
    sum += prompt.weight;
  }
  require(sum > 0, ErrorKind::bad_input, "image_prompt: the weights add up to {}, a sum above 0 is needed", sum);
}

/// What is drawn first is the noise on the embedding, then that of the latents.
Scene scene_of(const StableDiffusion& model, const Settled& run, const ImageVariations& request, Noise& noise,
               const Watcher& watcher) {
  watcher.phase("picture");
  const Tensor embedding = image_embedding(model.image, request.pictures);
  const int64_t width = embedding.dim(1);
  // Each picture's generator draws its own; where one draws for all, the reference lays one on all of them.
  const int64_t draws = run.request.one_generator ? 1 : run.pictures();
  const Tensor drawn = noise.draw({draws, 1, 1, width}).reshape({draws, width});
  Scene scene;
  scene.vector = class_vectors(model.image, repeat(embedding, draws), drawn, request.noise_level);
  scene.noise = noise.draw(latent_shape(model, run));
  return scene;
}

}  // namespace

std::vector<Field> image_prompt_fields(int64_t& noise_level) {
  return {{.name = "image_noise",
           .options = "--image-noise",
           .help = "noise on what --image-prompt shows: the more, the freer is the picture",
           .value = &noise_level,
           .low = 0,
           .high = kMostNoise}};
}

Tensor image_embedding(const ImageConditioning& image, const std::vector<ImagePrompt>& pictures) {
  const NoGrad inference;
  check_weights(pictures);
  double sum = 0;
  for (const ImagePrompt& prompt : pictures) sum += prompt.weight;
  Tensor mean;
  for (const ImagePrompt& prompt : pictures) {
    const Tensor one = (*image.tower)(clip_input(prompt.picture, static_cast<int>(image.tower->config.image_size)));
    const double share = prompt.weight / sum;
    mean = mean ? combine({{1, mean}, {share, one}}) : pictures.size() == 1 ? one : one * share;
  }
  return mean;
}

Tensor class_vectors(const ImageConditioning& image, const Tensor& embeddings, const Tensor& noise,
                     int64_t noise_level) {
  const NoiseSchedule schedule = schedule_of(image.noise);
  require(noise_level >= 0 && noise_level < schedule.size(), ErrorKind::bad_input,
          "image_noise: {} is none of the {} levels, 0 to {}", noise_level, schedule.size(), schedule.size() - 1);
  const Level level = schedule.at(static_cast<int>(noise_level));
  const Tensor inverted = inverse(image.deviation);
  const Tensor centred = image.mean ? by_row(embeddings, {}, image.mean * -1) : embeddings;
  const Tensor standard = by_row(centred, inverted, {});
  const Tensor noised = by_row(combine({{level.signal, standard}, {level.noise, noise}}), image.deviation, image.mean);
  const std::vector<double> times(static_cast<size_t>(embeddings.dim(0)), static_cast<double>(noise_level));
  return concat_channels(noised, sinusoid(times, embeddings.dim(1)));
}

Settled settle(const StableDiffusion& model, const ImageVariations& asked) {
  require_kind(model, "txt2img --image-prompt", {ModelKind::variations});
  check(!asked.pictures.empty(), "image_prompt: there is no picture");
  image_conditioning_of(model);
  ImageVariations request = asked;
  for (const Field& field : image_prompt_fields(request.noise_level)) check_range(field);
  check_weights(request.pictures);
  Settled run = settle_text(model, request.text);
  run.settings.emplace_back("Image prompts", fmt::format("{}", request.pictures.size()));
  run.settings.emplace_back("Image noise", fmt::format("{}", request.noise_level));
  run.prepare = [request = std::make_shared<const ImageVariations>(std::move(request))](
                    const StableDiffusion& used, const Settled& settled, Noise& noise, const Watcher& watcher) {
    return scene_of(used, settled, *request, noise, watcher);
  };
  return run;
}

}  // namespace calotype

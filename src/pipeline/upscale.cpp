#include "pipeline/upscale.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "ops/combine.h"
#include "ops/structure.h"
#include "pipeline/model_kind.h"
#include "pipeline/picture_input.h"
#include "pipeline/start.h"

namespace calotype {
namespace {

constexpr int64_t kMostNoiseLevel = 999;  // that any schedule has

/// The small pictures as the network is shown them, before noise. [n, h, w, 3]
Tensor small_pictures(const std::vector<Image>& pictures, const Shape& cells) {
  std::vector<Tensor> parts;
  for (const Image& picture : pictures)
    parts.push_back(
        signed_levels(resized(picture, static_cast<int>(cells[2]), static_cast<int>(cells[1]), Resampling::bicubic)));
  return parts.size() == 1 ? parts[0] : stack_pictures(parts);
}

Scene scene_of(const StableDiffusion& model, const Settled& run, const Upscale& request, Noise& noise) {
  const Shape cells = latent_shape(model, run);
  const Tensor small = small_pictures(request.pictures, cells);
  const Level level = schedule_of(model.low_scale.noise).at(static_cast<int>(request.noise_level));
  Scene scene;
  scene.beside = combine({{level.signal, small}, {level.noise, noise.draw(small.shape())}});
  scene.levels = {static_cast<int32_t>(request.noise_level)};
  scene.noise = first_noise(model, run, noise);
  return scene;
}

}  // namespace

std::vector<Field> fields(Upscale& request) {
  std::vector<Field> table = fields(request.text);
  std::erase_if(table, [](const Field& field) { return field.name == "width" || field.name == "height"; });
  table.push_back({.name = "noise_level",
                   .options = "--noise-level",
                   .help = "noise laid on the picture first: little keeps what is there, much has more invented",
                   .value = &request.noise_level,
                   .low = 0,
                   .high = kMostNoiseLevel});
  return table;
}

Settled settle(const StableDiffusion& model, const Upscale& asked) {
  require_kind(model, "upscale", {ModelKind::upscaler});
  Upscale request = asked;
  for (Field field : fields(request)) {
    if (field.name == "noise_level") field.high = static_cast<double>(model.low_scale.max_level);
    check_range(field);
  }
  check(!request.pictures.empty(), "upscale: there is no picture");
  const int cell = static_cast<int>(model.vae->config.downscale());
  Size small{request.pictures[0].width, request.pictures[0].height};
  if (request.whole_fours) small = cut_to_multiples(small, cell);
  request.text.width = int64_t{small.width} * cell;
  request.text.height = int64_t{small.height} * cell;
  Settled run = settle_text(model, request.text);
  if (run.recipe == Recipe::diffusers && run.request.diffusers_clip_skip == 0 &&
      run.request.prompts == run.request.negative_prompts)
    run.guided = false;
  run.source = SourceType::algorithmically_enhanced;
  run.settings.emplace_back("Upscale noise level", fmt::format("{}", request.noise_level));
  request.pictures = opaque(request.pictures);
  run.prepare = [request = std::make_shared<const Upscale>(std::move(request))](
                    const StableDiffusion& used, const Settled& settled, Noise& noise, const Watcher&) {
    return scene_of(used, settled, *request, noise);
  };
  return run;
}

}  // namespace calotype

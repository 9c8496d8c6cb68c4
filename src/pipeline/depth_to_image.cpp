#include "pipeline/depth_to_image.h"

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "ops/structure.h"
#include "pipeline/depth.h"
#include "pipeline/model_kind.h"
#include "pipeline/picture_fields.h"
#include "pipeline/predicted_depth.h"
#include "pipeline/start.h"

namespace calotype {
namespace {

/// What the network is shown of the depth. [n, h, w, 1]
Tensor channels(const StableDiffusion& model, const Settled& run, const DepthToImage& request, const Watcher& watcher) {
  const Shape cells = latent_shape(model, run);
  std::vector<FloatMap> maps = request.depths;
  if (maps.empty()) {
    watcher.phase("depth");
    for (const Image& picture : request.pictures) maps.push_back(predicted_depth(model, picture));
  }
  std::vector<Tensor> parts;
  for (const FloatMap& map : maps) {
    if (request.on_depth) request.on_depth(map);
    parts.push_back(depth_channel(map, cells[1], cells[2], request.depth_invert));
  }
  return parts.size() == 1 ? parts[0] : stack_pictures(parts);
}

Scene scene_of(const StableDiffusion& model, const Settled& run, const DepthToImage& request,
               const MaskedPicture* masked, Noise& noise, const Watcher& watcher) {
  Scene scene;
  scene.beside = channels(model, run, request, watcher);
  if (!request.pictures.empty()) {
    std::vector<Image> pictures = request.pictures;
    if (masked && request.masking.fill == "blur") pictures = {smeared(masked->picture, masked->mask)};
    scene.clean = encoded(model, run, vae_inputs(pictures, run), noise, watcher);
  }
  scene.noise = first_noise(model, run, noise);
  if (!masked) return scene;
  scene.mask = latent_mask(*masked, model, run);
  scene.kept = scene.clean;
  scene.clean = filled(scene.clean, scene.mask, scene.noise, request.masking.fill);
  return scene;
}

Size size_of(const DepthToImage& request) {
  if (!request.pictures.empty()) return {request.pictures[0].width, request.pictures[0].height};
  return {request.depths[0].width, request.depths[0].height};
}

}  // namespace

std::vector<Field> fields(DepthToImage& request) {
  std::vector<Field> table = fields(request.text);
  size_is_the_pictures(table);
  add_strength(table, request.strength);
  table.push_back({.name = "depth_invert",
                   .options = "--depth-invert",
                   .help = "near is dark in the depth map, not bright",
                   .value = &request.depth_invert});
  add_masking(table, request.masking);
  table.push_back({.name = "full_size",
                   .options = "--full-size",
                   .help = "draw at the picture's own size, also where that is above four times the model's area",
                   .value = &request.full_size});
  return table;
}

Settled settle(const StableDiffusion& model, const DepthToImage& asked) {
  require_kind(model, "depth2img", {ModelKind::depth});
  DepthToImage request = asked;
  const bool has_mask = !request.masking.mask.pixels.empty();
  require(!request.pictures.empty() || !request.depths.empty(), ErrorKind::bad_input,
          "depth: say what is to be drawn over, by -i FILE, or give a depth map by --depth FILE");
  require(!has_mask || request.pictures.size() == 1, ErrorKind::bad_input,
          "mask: it says which part of a picture is drawn anew; give the picture by -i FILE");
  if (request.depths.empty()) depth_net_of(model);  // refuses where there is none
  const std::string remark = choose_size(model, request.text, size_of(request), request.full_size);
  for (const Field& field : fields(request)) check_range(field);

  Settled run = settle_text(model, request.text);
  if (!remark.empty()) run.remarks.push_back(remark);
  request.pictures = opaque(request.pictures);
  if (!request.pictures.empty()) {
    begin_with_picture(model, run, request.strength);
    if (request.strength < 1 || has_mask) run.source = SourceType::composite_with_trained;
    run.settings.emplace_back("Denoising strength", fmt::format("{:g}", request.strength));
  }
  run.predicts_depth = request.depths.empty();
  run.settings.emplace_back("Depth map", request.depths.empty() ? "midas" : "file");
  std::shared_ptr<const MaskedPicture> masked;
  if (has_mask)
    masked = std::make_shared<const MaskedPicture>(masked_picture(request.pictures[0], request.masking, run.recipe));
  if (masked && request.masking.blur > 0)
    run.settings.emplace_back("Mask blur", fmt::format("{:g}", request.masking.blur));
  if (masked && request.masking.paste)
    run.finish = [masked](const Image& decoded, int64_t) { return pasted(*masked, decoded); };
  run.prepare = [request = std::make_shared<const DepthToImage>(std::move(request)), masked](
                    const StableDiffusion& used, const Settled& settled, Noise& noise, const Watcher& watcher) {
    return scene_of(used, settled, *request, masked.get(), noise, watcher);
  };
  return run;
}

}  // namespace calotype

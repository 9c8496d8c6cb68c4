#include "pipeline/image_to_image.h"

#include <fmt/format.h>

#include <memory>

#include "base/error.h"
#include "pipeline/model_kind.h"
#include "pipeline/picture_fields.h"
#include "pipeline/start.h"

namespace calotype {

std::vector<Field> fields(ImageToImage& request) {
  std::vector<Field> table = fields(request.text);
  size_is_the_pictures(table);
  add_strength(table, request.strength);
  add_fitting(table, request.resize_mode, request.full_size);
  return table;
}

Settled settle(const StableDiffusion& model, const ImageToImage& asked) {
  require_kind(model, "img2img", {ModelKind::plain});
  ImageToImage request = asked;
  check(!request.pictures.empty(), "image to image: there is no picture");
  const ResizeMode mode = fitting(request.resize_mode);
  const std::string remark =
      choose_size(model, request.text, {request.pictures[0].width, request.pictures[0].height}, request.full_size);
  for (const Field& field : fields(request)) check_range(field);
  Settled run = settle_text(model, request.text);
  if (!remark.empty()) run.remarks.push_back(remark);
  begin_with_picture(model, run, request.strength);
  if (request.strength < 1) run.source = SourceType::composite_with_trained;
  run.settings.emplace_back("Denoising strength", fmt::format("{:g}", request.strength));
  run.prepare = [pictures = std::make_shared<std::vector<Image>>(opaque(request.pictures)), mode](
                    const StableDiffusion& used, const Settled& settled, Noise& noise, const Watcher& watcher) {
    const Tensor clean = encoded(used, settled, vae_inputs(*pictures, settled, mode), noise, watcher);
    return Scene{.noise = first_noise(used, settled, noise), .clean = clean};
  };
  return run;
}

}  // namespace calotype

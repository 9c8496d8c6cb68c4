#include "pipeline/inpaint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "io/mask.h"
#include "io/printable.h"
#include "ops/arithmetic.h"
#include "ops/structure.h"
#include "pipeline/model_kind.h"
#include "pipeline/picture_fields.h"
#include "pipeline/start.h"

namespace calotype {
namespace {

constexpr int kMostBorder = 16384;

/// Left, top, right, bottom.
std::array<int, 4> borders_of(const std::string& text) {
  std::array<int, 4> borders{};
  const char *at = text.data(), *const end = text.data() + text.size();
  for (size_t i = 0; i < borders.size(); ++i) {
    const auto [stop, error] = std::from_chars(at, end, borders[i]);
    const bool well = error == std::errc{} && borders[i] >= 0 && borders[i] <= kMostBorder &&
                      (i + 1 < borders.size() ? stop != end && *stop == ',' : stop == end);
    require(well, ErrorKind::bad_input,
            "outpaint: '{}' is not of the form LEFT,TOP,RIGHT,BOTTOM, each a number of pixels in 0 .. {}",
            printable(text, 40), kMostBorder);
    at = stop + 1;
  }
  require(std::ranges::any_of(borders, [](int border) { return border > 0; }), ErrorKind::bad_input,
          "outpaint: all four borders are 0, so there is nothing to draw");
  return borders;
}

/// The picture `draw` of a larger one, whose pixels are those that `at` says.
template <class At>
Image extended(const Image& image, const std::array<int, 4>& by, const At& at) {
  Image result{image.width + by[0] + by[2], image.height + by[1] + by[3], image.channels, {}};
  result.pixels.resize(static_cast<size_t>(result.width) * result.height * image.channels);
  size_t to = 0;
  for (int y = 0; y < result.height; ++y)
    for (int x = 0; x < result.width; ++x)
      for (int c = 0; c < image.channels; ++c) result.pixels[to++] = at(x - by[0], y - by[1], c);
  return result;
}

std::string area(const Inpaint& request) {
  return request.crop ? "Only masked" : "Whole picture";
}

void describe(Settled& run, const Inpaint& request) {
  run.settings.emplace_back("Denoising strength", fmt::format("{:g}", request.strength));
  if (request.masking.blur > 0) run.settings.emplace_back("Mask blur", fmt::format("{:g}", request.masking.blur));
  if (request.masking.fill != "original") run.settings.emplace_back("Masked content", request.masking.fill);
  run.settings.emplace_back("Inpaint area", area(request));
  if (request.crop) run.settings.emplace_back("Masked area padding", fmt::format("{:g}", *request.crop));
  if (!request.outpaint.empty()) run.settings.emplace_back("Outpaint", request.outpaint);
}

/// What the networks are shown, and in which order noise is drawn for it: diffusers' inpainting pipeline.
Scene scene_of(const StableDiffusion& model, const Settled& run, const MaskedPicture& masked, const Inpaint& request,
               Noise& noise, const Watcher& watcher) {
  const Size size{static_cast<int>(run.request.width), static_cast<int>(run.request.height)};
  const bool shown = kind_of(model) == ModelKind::inpainting,
             from_noise = request.strength == 1 && run.recipe != Recipe::web_ui;
  const Tensor cells = latent_mask(masked, model, run);
  Scene scene;
  Tensor whole;
  if (!shown || !from_noise) {
    MaskedPicture start = masked;
    if (request.masking.fill == "blur") start.picture = smeared(masked.picture, masked.mask);
    whole = encoded(model, run, drawing_picture(start, size), noise, watcher);
  }
  scene.noise = first_noise(model, run, noise);
  if (!from_noise) scene.clean = filled(whole, cells, scene.noise, request.masking.fill);
  const auto around = [&] {  // grey where something is drawn
    const Tensor rest = affine(widened(drawing_mask(masked, size), 3), -1, 1);
    return encoded(model, run, drawing_picture(masked, size) * rest, noise, watcher);
  };
  if (shown) {
    const Tensor latents = around();
    scene.beside = concat_channels(repeat(cells, latents.dim(0)), latents);
  } else {
    scene.mask = cells;
    scene.kept = whole;
    // The reference encodes this for every network and has no use for it here.
    watcher.tap ? void(around()) : skip_encoding(model, run, 1, noise);
  }
  return scene;
}

}  // namespace

std::vector<Field> fields(Inpaint& request) {
  std::vector<Field> table = fields(request.text);
  size_is_the_pictures(table);
  add_strength(table, request.strength);
  add_masking(table, request.masking);
  table.push_back({.name = "inpaint_crop",
                   .options = "--inpaint-crop",
                   .help = "draw only the box around the mask, so many pixels larger on each side, at full size (the "
                           "model's, or what --size says)",
                   .value = &request.crop,
                   .low = 0,
                   .high = 16384});
  table.push_back({.name = "outpaint",
                   .options = "--outpaint",
                   .help = "LEFT,TOP,RIGHT,BOTTOM: pixels that are added at each side and drawn",
                   .value = &request.outpaint});
  table.push_back({.name = "full_size",
                   .options = "--full-size",
                   .help = "draw at the picture's own size, also where that is above four times the model's area",
                   .value = &request.full_size});
  return table;
}

void add_borders(Image& picture, Image& mask, const std::string& outpaint) {
  const std::array<int, 4> by = borders_of(outpaint);
  const int width = picture.width, height = picture.height;
  if (mask.pixels.empty()) mask = {width, height, 1, std::vector<uint8_t>(static_cast<size_t>(width) * height)};
  mask = grey(mask);
  if (mask.width != width || mask.height != height) mask = resized(mask, width, height);
  const Image picture_before = std::move(picture), mask_before = std::move(mask);
  picture = extended(picture_before, by, [&](int x, int y, int c) {
    const size_t pixel = static_cast<size_t>(std::clamp(y, 0, height - 1)) * width + std::clamp(x, 0, width - 1);
    return picture_before.pixels[pixel * picture_before.channels + c];
  });
  mask = extended(mask_before, by, [&](int x, int y, int) {
    const bool inside = x >= 0 && y >= 0 && x < width && y < height;
    return inside ? mask_before.pixels[static_cast<size_t>(y) * width + x] : uint8_t{255};
  });
}

Settled settle(const StableDiffusion& model, const Inpaint& asked) {
  require_kind(model, "inpaint", {ModelKind::inpainting, ModelKind::plain});
  Inpaint request = asked;
  TextToImage& text = request.text;
  if (!request.outpaint.empty()) {
    if (request.masking.invert && !request.masking.mask.pixels.empty())
      request.masking.mask = inverted(grey(request.masking.mask));
    request.masking.invert = false;  // what is added is drawn in any case
    add_borders(request.picture, request.masking.mask, request.outpaint);
  }
  require(!request.masking.mask.pixels.empty(), ErrorKind::bad_input,
          "mask: say what is to be drawn, by --mask FILE or --outpaint LEFT,TOP,RIGHT,BOTTOM");
  const Size own{request.picture.width, request.picture.height};
  if (request.crop && text.width == 0 && text.height == 0) text.width = text.height = model.native_size();
  const std::string remark = choose_size(model, text, own, request.full_size);
  for (const Field& field : fields(request)) check_range(field);

  Settled run = settle_text(model, text);
  if (!remark.empty()) run.remarks.push_back(remark);
  begin_with_picture(model, run, request.strength);
  MaskedPicture masked = masked_picture(request.picture, request.masking, run.recipe);
  if (request.crop)
    masked.box = crop_region(masked.mask, {static_cast<int>(text.width), static_cast<int>(text.height)},
                             static_cast<int>(*request.crop));
  run.source = SourceType::composite_with_trained;
  describe(run, request);
  request.picture = request.masking.mask = {};  // `masked` has them
  const auto kept = std::make_shared<const MaskedPicture>(std::move(masked));
  run.prepare = [kept, request](const StableDiffusion& used, const Settled& settled, Noise& noise,
                                const Watcher& watcher) {
    return scene_of(used, settled, *kept, request, noise, watcher);
  };
  if (request.masking.paste || request.crop)
    run.finish = [kept](const Image& decoded, int64_t) { return pasted(*kept, decoded); };
  return run;
}

}  // namespace calotype

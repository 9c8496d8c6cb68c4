#include "pipeline/model_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/error.h"

namespace calotype {
namespace {

struct KindRow {
  ModelKind kind;
  const char* what;     // "this is ..."
  const char* example;  // a released one; empty: none
  const char* command;  // what takes it; empty: nothing here
};

constexpr KindRow kKinds[] = {
    {ModelKind::plain, "a text-to-image model", "512-base-ema or 768-v-ema", "txt2img, img2img or inpaint"},
    {ModelKind::depth, "a depth model", "512-depth-ema", "depth2img"},
    {ModelKind::inpainting, "an inpainting model", "512-inpainting-ema", "inpaint"},
    {ModelKind::upscaler, "an upscaler", "x4-upscaler-ema", "upscale"},
    {ModelKind::variations, "a model for variations of pictures (unCLIP)", "sd21-unclip-h", "txt2img --image-prompt"},
    {ModelKind::other, "a model of another kind", "", ""},
};

const KindRow& row_of(ModelKind kind) {
  return *std::ranges::find(kKinds, kind, &KindRow::kind);
}

std::string needed(std::initializer_list<ModelKind> kinds) {
  std::string text;
  for (const ModelKind kind : kinds)
    text += fmt::format("{}{}, such as {}", text.empty() ? "" : "; or ", row_of(kind).what, row_of(kind).example);
  return text;
}

}  // namespace

ModelKind kind_of(const StableDiffusion& model) {
  const UNetConfig& unet = model.unet->config;
  const int64_t latent = model.vae->config.embed_dim, beside = unet.in_channels - latent;
  if (unet.class_input == ClassInput::vector) return beside == 0 ? ModelKind::variations : ModelKind::other;
  if (unet.class_input == ClassInput::level) return beside == 3 ? ModelKind::upscaler : ModelKind::other;
  return beside == 0            ? ModelKind::plain
         : beside == 1          ? ModelKind::depth
         : beside == latent + 1 ? ModelKind::inpainting
                                : ModelKind::other;
}

void require_kind(const StableDiffusion& model, const char* command, std::initializer_list<ModelKind> kinds) {
  const ModelKind kind = kind_of(model);
  if (std::ranges::count(kinds, kind) > 0) return;
  const KindRow& row = row_of(kind);
  fail(ErrorKind::unsupported, "{}: {} needs {}; this is {} of {} channels ({}){}", model.name, command, needed(kinds),
       row.what, model.unet->config.in_channels, name_of(model.family),
       *row.command ? fmt::format(": draw with it by {}", row.command) : "");
}

}  // namespace calotype

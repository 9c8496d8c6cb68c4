#include "io/recognise.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr const char* kUNetPrefixes[] = {"model.diffusion_model.", "diffusion_model.", "unet.", ""};
constexpr const char* kVaePrefixes[] = {"first_stage_model.", "vae.", ""};
constexpr const char* kOpenClipPrefixes[] = {"cond_stage_model.model.", "conditioner.embedders.0.model.", "text.", ""};
constexpr const char* kTransformersPrefixes[] = {"cond_stage_model.transformer.",
                                                 "conditioner.embedders.0.transformer.", "text_encoder.", ""};
constexpr const char* kImagePrefixes[] = {"embedder.model.", "cond_stage_model.model.", ""};
constexpr const char* kDepthPrefixes[] = {"depth_model.model.", "model.", ""};
constexpr const char* kTinyEncoderPrefixes[] = {"encoder.", "taesd_encoder.", ""};
constexpr const char* kTinyDecoderPrefixes[] = {"decoder.", "taesd_decoder.", ""};
constexpr size_t kFewestAveraged = 100;  // fewer are the average's own scalars

template <class Config, size_t N, class Read>
void find_part(std::optional<FoundPart<Config>>& part, const char* const (&prefixes)[N], const Read& read) {
  for (const Layout layout : {Layout::original, Layout::diffusers})
    for (const std::string prefix : prefixes) {
      if (part) return;
      if (auto config = read(prefix, layout)) part = {layout, prefix, "", *config};
    }
}

void find_text(std::optional<FoundPart<TextConfig>>& part, const Shapes& shapes) {
  for (const std::string prefix : kOpenClipPrefixes)
    if (auto config = text_from_shapes(shapes, prefix, "", Layout::original); config && !part)
      part = {Layout::original, prefix, "", *config};
  for (const std::string prefix : kTransformersPrefixes)
    for (const std::string inner : {"text_model.", ""})
      if (auto config = text_from_shapes(shapes, prefix, inner, Layout::diffusers); config && !part)
        part = {Layout::diffusers, prefix, inner, *config};
}

void read_marks(Recognised& found, std::span<const StoredTensor> tensors) {
  size_t averaged = 0;
  const auto contains = [](std::string_view name, std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  for (const StoredTensor& tensor : tensors) {
    const std::string_view name = tensor.name;
    averaged += name.starts_with("model_ema.");
    found.control_net |= name.starts_with("control_model.");
    found.lora |=
        contains(name, "lora_") || contains(name, ".lora.") || contains(name, ".hada_") || contains(name, ".lokr_");
    found.embedding |= name == "emb_params" || contains(name, "string_to_param");
  }
  found.averaged = averaged > kFewestAveraged;
  if (found.any_network() || found.lora || tensors.size() > 2) return;
  // A learned word of diffusers': one matrix or vector under a name of its own.
  found.embedding |= !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), [](const StoredTensor& tensor) {
    return tensor.shape.rank() >= 1 && tensor.shape.rank() <= 2 && tensor.name.find('.') == std::string::npos;
  });
}

Family family_of(const UNetConfig& unet) {
  if (unet.class_input == ClassInput::level) return unet.model_channels == 256 ? Family::x4_upscaler : Family::other;
  if (unet.model_channels != 320 || unet.channel_mult != std::vector<int64_t>{1, 2, 4, 4}) return Family::other;
  if (unet.class_input == ClassInput::vector)
    return unet.class_size == 2048 ? Family::unclip_h : unet.class_size == 1536 ? Family::unclip_l : Family::other;
  const bool sd1 = unet.context_dim == 768, sd2 = unet.context_dim == 1024;
  switch (unet.in_channels) {
    case 4:
      return sd1 ? Family::sd1 : sd2 ? Family::sd2 : Family::other;
    case 5:
      return sd2 ? Family::sd2_depth : Family::other;
    case 9:
      return sd1 ? Family::sd1_inpainting : sd2 ? Family::sd2_inpainting : Family::other;
    default:
      return Family::other;
  }
}

/// No shape shows the number of heads; the family does.
void fill_heads(UNetConfig& unet, Family family) {
  if (family == Family::sd1 || family == Family::sd1_inpainting || family == Family::x4_upscaler)
    unet.num_heads = 8;
  else if (family != Family::other)
    unet.num_head_channels = 64;
}

}  // namespace

const char* name_of(Family family) {
  switch (family) {
    case Family::other:
      return "other";
    case Family::sd1:
      return "Stable Diffusion 1";
    case Family::sd1_inpainting:
      return "Stable Diffusion 1 inpainting";
    case Family::sd2:
      return "Stable Diffusion 2";
    case Family::sd2_depth:
      return "Stable Diffusion 2 depth";
    case Family::sd2_inpainting:
      return "Stable Diffusion 2 inpainting";
    case Family::x4_upscaler:
      return "Stable Diffusion x4 upscaler";
    case Family::unclip_h:
      return "Stable unCLIP 2.1 H";
    case Family::unclip_l:
      return "Stable unCLIP 2.1 L";
  }
  return "?";
}

std::string kind_of_model(Family family, const UNetConfig& unet) {
  if (family != Family::other) return name_of(family);
  const int64_t beside = unet.in_channels - unet.out_channels;
  const char* kind = unet.class_input == ClassInput::vector  ? "unCLIP (variations of pictures)"
                     : unet.class_input == ClassInput::level ? "upscaler"
                     : beside == 0                           ? "text to image"
                     : beside == 1                           ? "depth"
                     : beside == unet.out_channels + 1       ? "inpainting"
                                                             : "of another kind";
  return std::string(kind) + ", of a size of its own";
}

Recognised recognise(std::span<const StoredTensor> tensors, std::string_view where) {
  const Shapes shapes(tensors, where);
  Recognised found;
  find_part(found.unet, kUNetPrefixes,
            [&](const std::string& prefix, Layout layout) { return unet_from_shapes(shapes, prefix, layout); });
  find_part(found.vae, kVaePrefixes,
            [&](const std::string& prefix, Layout layout) { return vae_from_shapes(shapes, prefix, layout); });
  find_text(found.text, shapes);
  find_part(found.image, kImagePrefixes,
            [&](const std::string& prefix, Layout layout) { return image_tower_from_shapes(shapes, prefix, layout); });
  find_part(found.depth, kDepthPrefixes,
            [&](const std::string& prefix, Layout layout) { return depth_from_shapes(shapes, prefix, layout); });
  find_part(found.tiny_encoder, kTinyEncoderPrefixes,
            [&](const std::string& prefix, Layout layout) { return tiny_encoder_from_shapes(shapes, prefix, layout); });
  find_part(found.tiny_decoder, kTinyDecoderPrefixes,
            [&](const std::string& prefix, Layout layout) { return tiny_decoder_from_shapes(shapes, prefix, layout); });
  read_marks(found, tensors);
  if (!found.unet) return found;
  UNetConfig& unet = found.unet->config;
  require(unet.context_dim != 2048 && unet.context_dim != 1280, ErrorKind::unsupported,
          "{}: a UNet of SDXL; models of the Stable Diffusion 1 and 2 families are read", where);
  found.family = family_of(unet);
  fill_heads(unet, found.family);
  return found;
}

std::optional<Prediction> prediction_of(Family family) {
  switch (family) {
    case Family::sd1:
    case Family::sd1_inpainting:
    case Family::sd2_depth:
    case Family::sd2_inpainting:
      return Prediction::epsilon;
    case Family::x4_upscaler:
    case Family::unclip_h:
    case Family::unclip_l:
      return Prediction::v_prediction;
    default:
      return std::nullopt;
  }
}

std::optional<Prediction> prediction_by_statistic(std::span<const StoredTensor> tensors,
                                                  const FoundPart<UNetConfig>& unet) {
  const std::string name = fmt::format("up.0.transformer.{}.norm1.bias", unet.config.num_res_blocks);
  const KeyMap map = unet_keys(unet.config);
  const KeyRow* row = map.find(name);
  if (!row) return std::nullopt;
  const std::string stored = unet.prefix + row->in(unet.layout).name;
  const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const auto& t) { return t.name == stored; });
  if (at == tensors.end() || at->shape.count() < 2) return std::nullopt;
  const std::vector<double> values = values_of(*at);
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1)) > 0.09 ? Prediction::v_prediction
                                                                            : Prediction::epsilon;
}

}  // namespace calotype

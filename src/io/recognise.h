#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/model_config.h"
#include "base/prediction.h"
#include "io/key_map.h"
#include "io/stored_tensor.h"

namespace calotype {

/// The released models that keys and shapes tell apart. Models of other sizes are `other`, whatever they do.
enum class Family {
  other,
  sd1,
  sd1_inpainting,
  sd2,
  sd2_depth,
  sd2_inpainting,
  x4_upscaler,
  unclip_h,
  unclip_l,
};

const char* name_of(Family family);

/// The same in words for models of every size: what the network takes beside latents and text tells their kind.
std::string kind_of_model(Family family, const UNetConfig& unet);

/// A network found in a file: where its weights stand and what their shapes say. What no shape tells is 0 in the
/// configuration unless the family is known: heads (`num_heads` and `num_head_channels`, or `heads`) and `groups`.
template <class Config>
struct FoundPart {
  Layout layout = Layout::original;
  std::string prefix;  // stands before every name of the layout
  std::string inner;   // transformers' text tower: "text_model." or nothing, as `text_keys` takes it
  Config config;
};

/// What a file or a folder's component holds, told by names and shapes alone.
struct Recognised {
  std::optional<FoundPart<UNetConfig>> unet;
  std::optional<FoundPart<VaeConfig>> vae;
  std::optional<FoundPart<TextConfig>> text;
  std::optional<FoundPart<ImageTowerConfig>> image;
  std::optional<FoundPart<DepthConfig>> depth;
  std::optional<FoundPart<TinyVaeConfig>> tiny_encoder, tiny_decoder;
  Family family = Family::other;
  bool averaged = false;  // copies of the UNet's weights under `model_ema.`; their two scalars alone don't count
  bool lora = false, embedding = false, control_net = false;

  bool any_network() const { return unet || vae || text || image || depth || tiny_encoder || tiny_decoder; }
};

/// Throws `unsupported` for models of other architectures (SDXL, distilled ones without a middle transformer),
/// `bad_file` for shapes that contradict each other.
Recognised recognise(std::span<const StoredTensor> tensors, std::string_view where);

/// What the noise predictor predicts, where the family settles it: SD 2 with four channels is left open.
std::optional<Prediction> prediction_of(Family family);

/// For SD 2 with four channels: velocity, where the biases of the last transformer's first norm spread by more than
/// 0.09 (found on the released files; it says nothing about models of other origin). Nothing where that tensor is
/// missing.
std::optional<Prediction> prediction_by_statistic(std::span<const StoredTensor> tensors,
                                                  const FoundPart<UNetConfig>& unet);

}  // namespace calotype

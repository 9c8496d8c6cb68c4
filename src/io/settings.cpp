#include "io/settings.h"

#include <algorithm>

#include "base/error.h"

namespace calotype {
namespace {

void compare(const std::optional<int64_t>& said, int64_t found, const char* what, const ModelSettings& settings,
             const std::string& prefix) {
  require(!said || *said == found, ErrorKind::bad_file,
          "{}: it says {} {}, the weights under {} have {}; one of the two belongs to another model", settings.source,
          what, said.value_or(0), prefix.empty() ? "no prefix" : prefix, found);
}

/// A list of heads, one a level, is one rule for all of them where each level has heads of the same width.
void apply_heads(const ModelSettings& settings, UNetConfig& unet) {
  if (settings.num_heads || settings.num_head_channels) {
    unet.num_heads = settings.num_heads.value_or(0);
    unet.num_head_channels = settings.num_heads ? 0 : *settings.num_head_channels;
  }
  const std::vector<int64_t>& heads = settings.heads_of_levels;
  if (heads.empty()) return;
  require(static_cast<int64_t>(heads.size()) == unet.levels(), ErrorKind::bad_file,
          "{}: {} numbers of heads for {} levels", settings.source, heads.size(), unet.levels());
  const int64_t width = unet.channels(0) / heads[0];
  bool same_width = true, same_count = true;
  for (int64_t l = 0; l < unet.levels(); ++l) {
    same_width = same_width && unet.channels(l) == width * heads[l];
    same_count = same_count && heads[l] == heads[0];
  }
  require(same_width || same_count, ErrorKind::unsupported,
          "{}: heads differ both in number and in width from level to level", settings.source);
  unet.num_heads = same_width ? 0 : heads[0];
  unet.num_head_channels = same_width ? width : 0;
}

}  // namespace

void apply(const ModelSettings& settings, Recognised& found) {
  if (found.unet) {
    UNetConfig& unet = found.unet->config;
    compare(settings.in_channels, unet.in_channels, "in_channels", settings, found.unet->prefix);
    compare(settings.model_channels, unet.model_channels, "model_channels", settings, found.unet->prefix);
    compare(settings.context_dim, unet.context_dim, "context_dim", settings, found.unet->prefix);
    apply_heads(settings, unet);
    if (settings.unet_groups) unet.groups = *settings.unet_groups;
    if (settings.disable_self_attentions) {
      const auto& flags = *settings.disable_self_attentions;
      require(flags.empty() || static_cast<int64_t>(flags.size()) == unet.levels(), ErrorKind::bad_file,
              "{}: {} levels with or without self-attention, the weights have {}", settings.source, flags.size(),
              unet.levels());
      const bool any = std::find(flags.begin(), flags.end(), true) != flags.end();
      unet.disable_self_attentions = any ? flags : std::vector<bool>();
    }
  }
  if (found.vae) {
    if (settings.scale_factor) found.vae->config.scale_factor = *settings.scale_factor;
    if (settings.vae_groups) found.vae->config.groups = *settings.vae_groups;
  }
  if (found.text) {
    TextConfig& text = found.text->config;
    if (settings.text_heads) text.heads = *settings.text_heads;
    if (settings.unused_layers) text.used_layers = std::max<int64_t>(text.layers - *settings.unused_layers, 1);
    if (settings.activation) text.activation = *settings.activation;
    if (settings.padding_id) text.padding_id = static_cast<int32_t>(*settings.padding_id);
  }
  if (found.image) {
    if (settings.image_heads) found.image->config.heads = *settings.image_heads;
    if (settings.image_activation) found.image->config.activation = *settings.image_activation;
  }
  if (found.depth) {
    DepthConfig& depth = found.depth->config;
    compare(settings.depth_size, depth.trained_size, "trained_size", settings, found.depth->prefix);
    if (settings.depth_heads) depth.heads = *settings.depth_heads;
    if (settings.depth_groups) depth.groups = *settings.depth_groups;
    if (settings.depth_taps) depth.taps = *settings.depth_taps;
  }
}

void require_complete(const Recognised& found, std::string_view where) {
  constexpr const char* kHint = "put a yaml of the original kind with the same name beside it";
  const auto fits = [](int64_t part, int64_t whole) { return part > 0 && whole % part == 0; };
  if (found.unet) {
    const UNetConfig& unet = found.unet->config;
    require(unet.num_heads > 0 || unet.num_head_channels > 0, ErrorKind::bad_file,
            "{}: the UNet's number of heads is not to be seen from its weights; {}", where, kHint);
    require(unet.groups > 0, ErrorKind::bad_file,
            "{}: the groups of the UNet's norms are not to be seen from its weights; {}", where, kHint);
    for (int64_t l = 0; l < unet.levels(); ++l) {
      const int64_t channels = unet.channels(l);
      require(fits(unet.num_heads > 0 ? unet.num_heads : unet.num_head_channels, channels), ErrorKind::bad_file,
              "{}: {} channels cannot be shared out among the UNet's heads", where, channels);
      require(fits(unet.groups, channels), ErrorKind::bad_file,
              "{}: {} channels of the UNet cannot be shared out among {} groups", where, channels, unet.groups);
    }
    require(fits(unet.groups, unet.model_channels), ErrorKind::bad_file,
            "{}: {} channels of the UNet cannot be shared out among {} groups", where, unet.model_channels,
            unet.groups);
  }
  if (found.vae) {
    const VaeConfig& vae = found.vae->config;
    require(vae.groups > 0, ErrorKind::bad_file,
            "{}: the groups of the autoencoder's norms are not to be seen from its weights; {}", where, kHint);
    for (int64_t l = 0; l < vae.levels(); ++l)
      require(fits(vae.groups, vae.channels(l)) && fits(vae.groups, vae.ch), ErrorKind::bad_file,
              "{}: {} channels of the autoencoder cannot be shared out among {} groups", where, vae.channels(l),
              vae.groups);
  }
  if (found.text)
    require(fits(found.text->config.heads, found.text->config.width), ErrorKind::bad_file,
            "{}: the text tower's width {} needs a number of heads that divides it, known: {}; {}", where,
            found.text->config.width, found.text->config.heads, kHint);
  if (found.image)
    require(fits(found.image->config.heads, found.image->config.width), ErrorKind::bad_file,
            "{}: the image tower's width {} needs a number of heads that divides it, known: {}; {}", where,
            found.image->config.width, found.image->config.heads, kHint);
  if (!found.depth) return;
  const DepthConfig& depth = found.depth->config;
  require(fits(depth.heads, depth.width), ErrorKind::bad_file,
          "{}: the depth net's width {} needs a number of heads that divides it, known: {}; {}", where, depth.width,
          depth.heads, kHint);
  for (const int64_t channels : depth.stage_channels)
    require(fits(depth.groups, channels / 4) && fits(depth.groups, depth.stem_channels), ErrorKind::bad_file,
            "{}: the depth net's stage of {} channels cannot be shared out among {} groups; {}", where, channels,
            depth.groups, kHint);
  for (const int64_t tap : depth.taps)
    require(
        tap >= 0 && tap < depth.layers, ErrorKind::bad_file,
        "{}: which two of its {} blocks the depth net's decoder reads is not to be seen from its weights, known: {}, "
        "{}; {}",
        where, depth.layers, depth.taps[0], depth.taps[1], kHint);
}

}  // namespace calotype

#include "io/fake_weights.h"

#include <algorithm>
#include <functional>
#include <sstream>

namespace calotype {
namespace {

std::vector<std::string> split(const std::string& name) {
  std::vector<std::string> words;
  std::istringstream stream(name);
  for (std::string word; std::getline(stream, word, '.');) words.push_back(word);
  return words;
}

std::vector<StoredTensor> fake(const KeyMap& map, Layout layout, const std::string& prefix,
                               const std::function<Shape(const std::string&)>& shape) {
  std::vector<StoredTensor> tensors;
  for (const KeyRow& row : map.rows()) {
    const StoredKey& key = row.in(layout);
    if (key.part > 0) continue;
    const Shape ours = shape(row.ours);
    tensors.push_back({prefix + key.name, StoredType::f32, ours.rank() < 2 ? ours : stored_shape(key, ours), {}});
  }
  return tensors;
}

}  // namespace

std::vector<StoredTensor> fake_unet(const UNetConfig& config, Layout layout, const std::string& prefix) {
  return fake(unet_keys(config), layout, prefix, [&](const std::string& name) -> Shape {
    const auto words = split(name);
    const int64_t level = words[0] == "mid" ? config.levels() - 1 : words.size() > 2 ? std::atoi(words[1].c_str()) : 0;
    const int64_t channels = config.channels(level);
    if (name == "conv_in.weight") return {config.model_channels, config.in_channels, 3, 3};
    if (name == "conv_out.weight") return {config.out_channels, config.model_channels, 3, 3};
    if (name == "class_table.weight") return {config.class_size, config.time_width()};
    if (name == "class1.weight") return {config.time_width(), config.class_size};
    if (name.ends_with("conv1.weight")) return {channels, channels, 3, 3};
    if (name.ends_with("cross.to_k.weight")) return {channels, config.context_dim};
    if (name.ends_with("self.to_k.weight"))
      return {channels, level < static_cast<int64_t>(config.disable_self_attentions.size()) &&
                                config.disable_self_attentions[level]
                            ? config.context_dim
                            : channels};
    if (name.ends_with("proj_in.weight")) return {channels, channels};
    return {1};
  });
}

std::vector<StoredTensor> fake_vae(const VaeConfig& config, Layout layout, const std::string& prefix) {
  return fake(vae_keys(config), layout, prefix, [&](const std::string& name) -> Shape {
    const auto words = split(name);
    if (name == "encoder.conv_in.weight") return {config.ch, config.in_channels, 3, 3};
    if (name == "decoder.conv_out.weight") return {config.out_ch, config.ch, 3, 3};
    if (name == "post_quant.weight") return {config.z_channels, config.embed_dim};
    if (words[1] == "down" && name.ends_with("conv1.weight")) {
      const int64_t channels = config.channels(std::atoi(words[2].c_str()));
      return {channels, channels, 3, 3};
    }
    return {1};
  });
}

std::vector<StoredTensor> fake_text(const TextConfig& config, Layout layout, const std::string& prefix,
                                    const std::string& inner) {
  auto tensors = fake(text_keys(config, inner), layout, prefix, [&](const std::string& name) -> Shape {
    if (name == "token_embedding.weight") return {config.vocab_size, config.width};
    if (name == "positional_embedding") return {config.context_length, config.width};
    if (name == "text_projection") return {config.width, config.projection_width};
    if (name.ends_with("mlp.in.weight")) return {config.mlp_width, config.width};
    return {1};
  });
  if (config.projection_width == 0)
    std::erase_if(tensors, [](const StoredTensor& t) { return t.name.find("text_projection") != std::string::npos; });
  return tensors;
}

std::vector<StoredTensor> fake_image_tower(const ImageTowerConfig& config, Layout layout, const std::string& prefix) {
  const int64_t grid = config.image_size / config.patch_size;
  return fake(image_tower_keys(config), layout, prefix, [&](const std::string& name) -> Shape {
    if (name == "image.patch_embedding.weight") return {config.width, 3, config.patch_size, config.patch_size};
    if (name == "image.positional_embedding") return {1 + grid * grid, config.width};
    if (name == "image.projection") return {config.width, config.projection_width};
    if (name.ends_with("mlp.in.weight")) return {config.mlp_width, config.width};
    return {1};
  });
}

std::vector<StoredTensor> fake_depth(const DepthConfig& config, Layout layout, const std::string& prefix) {
  return fake(depth_keys(config), layout, prefix, [&](const std::string& name) -> Shape {
    const auto words = split(name);
    if (name == "stem.conv.weight") return {config.stem_channels, 3, 7, 7};
    if (name == "positions") return {1, 1 + config.trained_grid() * config.trained_grid(), config.width};
    if (words[0] == "stages" && words[3] == "conv3")
      return {config.stage_channels[std::atoi(words[1].c_str())], 1, 1, 1};
    if (name.ends_with("mlp.in.weight")) return {config.mlp_width, config.width};
    if (name == "narrow.0.weight") return {config.features, config.stage_channels[0], 3, 3};
    if (name == "head.conv2.weight") return {config.head_channels, config.features / 2, 3, 3};
    return {1};
  });
}

std::vector<StoredTensor> fake_tiny_vae(const TinyVaeConfig& config, Layout layout, const std::string& encoder,
                                        const std::string& decoder) {
  const auto shape = [&](const std::string& name, int64_t in, int64_t out) -> Shape {
    if (name == "conv_in.weight") return {config.width, in, 3, 3};
    if (name == "conv_out.weight") return {out, config.width, 3, 3};
    return {1};
  };
  auto tensors = fake(tiny_encoder_keys(config), layout, encoder,
                      [&](const std::string& name) { return shape(name, 3, config.latent_channels); });
  const auto up = fake(tiny_decoder_keys(config), layout, decoder,
                       [&](const std::string& name) { return shape(name, config.latent_channels, 3); });
  tensors.insert(tensors.end(), up.begin(), up.end());
  return tensors;
}

}  // namespace calotype

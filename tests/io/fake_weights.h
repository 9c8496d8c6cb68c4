#pragma once

#include <string>
#include <vector>

#include "io/key_map.h"
#include "io/stored_tensor.h"

namespace calotype {

/// The names of a network in a layout, with the shapes that tell its configuration and no bytes: all others are [1].
std::vector<StoredTensor> fake_unet(const UNetConfig& config, Layout layout, const std::string& prefix);
std::vector<StoredTensor> fake_vae(const VaeConfig& config, Layout layout, const std::string& prefix);
std::vector<StoredTensor> fake_text(const TextConfig& config, Layout layout, const std::string& prefix,
                                    const std::string& inner);
std::vector<StoredTensor> fake_image_tower(const ImageTowerConfig& config, Layout layout, const std::string& prefix);
std::vector<StoredTensor> fake_depth(const DepthConfig& config, Layout layout, const std::string& prefix);
std::vector<StoredTensor> fake_tiny_vae(const TinyVaeConfig& config, Layout layout, const std::string& encoder,
                                        const std::string& decoder);

}  // namespace calotype

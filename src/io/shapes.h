#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "io/recognise.h"

namespace calotype {

/// The shapes of a file's tensors by name.
class Shapes {
 public:
  Shapes(std::span<const StoredTensor> tensors, std::string_view where);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Null where there is no tensor of that name.
  const Shape* find(std::string_view name) const;
  /// An extent, at least 1. Throws `bad_file` where the tensor, the axis or any element is missing.
  int64_t extent(std::string_view name, int axis) const;
  size_t size() const { return by_name_.size(); }
  const std::string& where() const { return where_; }

 private:
  std::unordered_map<std::string_view, const Shape*> by_name_;
  std::string where_;
};

// The configuration of the network whose names begin with the prefix; nothing where there is none in that layout.
std::optional<UNetConfig> unet_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);
std::optional<VaeConfig> vae_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);
std::optional<TextConfig> text_from_shapes(const Shapes& shapes, const std::string& prefix, const std::string& inner,
                                           Layout layout);
std::optional<ImageTowerConfig> image_tower_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);
std::optional<DepthConfig> depth_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);
std::optional<TinyVaeConfig> tiny_encoder_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);
std::optional<TinyVaeConfig> tiny_decoder_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout);

}  // namespace calotype

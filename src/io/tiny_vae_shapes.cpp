#include <fmt/format.h>

#include "base/error.h"
#include "io/shapes.h"

namespace calotype {
namespace {

constexpr int64_t kMostLayers = 1000;

/// Walks the numbered list of layers of one half.
class TinyShapes {
 public:
  TinyShapes(const Shapes& shapes, const std::string& prefix, Layout layout)
      : shapes_(shapes), top_(layout == Layout::original ? prefix : prefix + "layers.") {}

  std::string name(int64_t index, const char* tensor) const { return fmt::format("{}{}.{}", top_, index, tensor); }
  bool is_block(int64_t index) const { return shapes_.has(name(index, "conv.0.weight")); }
  bool is_end(int64_t index) const { return shapes_.has(name(index, "bias")); }

  /// The blocks of each resolution from `index` on, steps of so many places between them; then the last convolution.
  std::vector<int64_t> blocks(int64_t& index, int64_t places) const {
    std::vector<int64_t> counts;
    while (true) {
      int64_t count = 0;
      for (; is_block(index) && index < kMostLayers; ++index) ++count;
      require(count > 0 && index < kMostLayers, ErrorKind::unsupported,
              "{}: a small autoencoder without blocks at its layer {}", shapes_.where(), index);
      counts.push_back(count);
      if (is_end(index)) return counts;
      index += places;
    }
  }
  int64_t extent(int64_t index, int axis) const { return shapes_.extent(name(index, "weight"), axis); }

 private:
  const Shapes& shapes_;
  std::string top_;
};

}  // namespace

std::optional<TinyVaeConfig> tiny_encoder_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout) {
  const TinyShapes layers(shapes, prefix, layout);
  if (!layers.is_end(0) || !layers.is_block(1) || layers.extent(0, 1) != 3) return std::nullopt;
  TinyVaeConfig config;
  config.width = layers.extent(0, 0);
  int64_t index = 1;
  config.encoder_blocks = layers.blocks(index, 1);
  config.latent_channels = layers.extent(index, 0);
  return config;
}

std::optional<TinyVaeConfig> tiny_decoder_from_shapes(const Shapes& shapes, const std::string& prefix, Layout layout) {
  const TinyShapes layers(shapes, prefix, layout);
  const int64_t first = layout == Layout::original ? 1 : 0;
  if (!layers.is_end(first) || !layers.is_block(first + 2)) return std::nullopt;
  TinyVaeConfig config;
  config.width = layers.extent(first, 0);
  config.latent_channels = layers.extent(first, 1);
  int64_t index = first + 2;
  config.decoder_blocks = layers.blocks(index, 2);
  if (layers.extent(index, 0) != 3) return std::nullopt;
  return config;
}

}  // namespace calotype

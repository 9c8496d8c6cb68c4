#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/model_config.h"
#include "base/shape.h"

namespace calotype {

/// Whose names and shapes a file's weights have: the original training code's (open_clip's for the text tower), or
/// those of diffusers (transformers' for the text tower).
enum class Layout { original, diffusers };

const char* name_of(Layout layout);

/// How the weight lies there, given our shape. Trailing axes of 1 don't count, so conv1x1 only matters to a writer.
enum class Form : uint8_t { same, conv1x1, transposed };  // conv1x1: [out, in] is [out, in, 1, 1]

/// One of our weights in one layout.
struct StoredKey {
  std::string name;  // below the part's prefix; empty where the layout has no such weight
  Form form = Form::same;
  int part = 0, parts = 1;  // rows [part n, (part + 1) n) of a tensor of parts n rows
};

struct KeyRow {
  std::string ours;
  StoredKey original, diffusers;
  std::string older;  // a second name in the diffusers layout, still read, no longer written

  const StoredKey& in(Layout layout) const { return layout == Layout::original ? original : diffusers; }
};

/// All weights of one network: our names and those of the two layouts.
class KeyMap {
 public:
  explicit KeyMap(std::vector<KeyRow> rows);

  const std::vector<KeyRow>& rows() const& { return rows_; }
  const std::vector<KeyRow>& rows() && = delete;
  /// Null where there is no such weight.
  const KeyRow* find(std::string_view ours) const&;
  const KeyRow* find(std::string_view ours) && = delete;
  /// The weights that lie under a name of a file; several where they share a tensor, none where the name is unknown.
  std::vector<const KeyRow*> stored_as(Layout layout, std::string_view name) const;

 private:
  std::vector<KeyRow> rows_;
  std::unordered_map<std::string, size_t> by_ours_;
  std::unordered_multimap<std::string, size_t> by_original_, by_diffusers_;
};

/// The prefixes are the part's own: "model.diffusion_model." and the like are not in the names.
KeyMap unet_keys(const UNetConfig& config);
KeyMap vae_keys(const VaeConfig& config);
/// `inner` stands before transformers' names but for the projection: "text_model." or, in newer files, nothing.
KeyMap text_keys(const TextConfig& config, std::string_view inner = "text_model.");
/// The image half of a CLIP pair; ours begin with "image.".
KeyMap image_tower_keys(const ImageTowerConfig& config);
/// The layouts are MiDaS' own and transformers'.
KeyMap depth_keys(const DepthConfig& config);
KeyMap tiny_encoder_keys(const TinyVaeConfig& config);
KeyMap tiny_decoder_keys(const TinyVaeConfig& config);

/// The shape under which a layout stores a weight that has `ours`, alone or with the others that share its tensor.
Shape stored_shape(const StoredKey& key, const Shape& ours);

/// The name of the averaged copy of a weight of the original layout: "model.diffusion_model.a.b" lies under
/// "model_ema.diffusion_modelab".
std::string ema_key(std::string_view key);

}  // namespace calotype

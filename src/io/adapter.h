#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/stored_tensor.h"

namespace calotype {

/// Which network an adapter's module belongs to, as far as its name says.
enum class AdapterPart : uint8_t { unet, text, unsaid };

/// What an adapter file holds for one layer: tensors by role. Roles are kohya's and LyCORIS' words whatever the file's
/// dialect is: "lora_down", "lora_up", "lora_mid", "dora_scale", "hada_w1_a", ..., "lokr_w1", ..., "diff", "diff_b",
/// "w_norm", "b_norm".
struct AdapterModule {
  std::string name;  // as it stands in the file
  AdapterPart part = AdapterPart::unsaid;
  std::string path;  // below the part, underscores for dots
  std::map<std::string, StoredTensor, std::less<>> tensors;
  std::optional<double> alpha;
  bool root_of_rank = false;  // the scale is alpha / sqrt(rank), not alpha / rank (rsLoRA, Kalajdzievski 2023)

  const StoredTensor* find(std::string_view role) const;
};

/// A LoRA or one of its relatives (Hu et al. 2021; LyCORIS), in any dialect: kohya's names, diffusers' old and new, a
/// PEFT folder, names of the original layout.
struct Adapter {
  std::string name;   // the file's stem
  std::string where;  // the path, for messages
  std::map<std::string, std::string> metadata;
  std::vector<AdapterModule> modules;  // by name
  std::vector<std::string> unknown;    // tensors whose role is none of the above
  std::shared_ptr<const void> owner;   // of the bytes
};

/// Opens a file, or a folder with `adapter_model` and `adapter_config.json`. Throws `bad_file` for what is no adapter.
Adapter read_adapter(const std::filesystem::path& path);

}  // namespace calotype

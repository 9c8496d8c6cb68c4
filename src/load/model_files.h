#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/folder.h"
#include "io/key_map.h"
#include "io/recognise.h"
#include "io/settings.h"
#include "load/adapters.h"
#include "load/file_source.h"

namespace calotype {

/// The networks that models are made of, as they can be taken out and put in.
enum class PartKind { unet, vae, text };
inline constexpr PartKind kParts[] = {PartKind::unet, PartKind::vae, PartKind::text};

/// "unet", "vae", "text": in messages, and in options.
const char* name_of(PartKind part);

/// A stretch of the values of a stored tensor.
struct Stretch {
  const StoredTensor* stored = nullptr;
  int64_t first = 0, count = 0;
  std::string ours = {};  // the weight of our network that it is; empty where it is none
  Shape shape = {};       // of that
};

/// One tensor of a network in some layout, put together from stretches that lie one behind the other. Nothing is
/// copied.
struct RelaidTensor {
  std::string name;
  Shape shape;
  std::vector<Stretch> stretches;
  bool transposed = false;  // it lies as [shape[1], shape[0]], in one stretch

  /// The type of all stretches, f32 where they differ.
  StoredType type() const;
  /// Gives back the pages of the files that it lies in.
  void let_go() const;
};

/// The networks of a file or a folder as they lie there, unbuilt: for whoever converts, merges or compares them. Sizes
/// that no shape tells need not be known.
class ModelFiles {
 public:
  /// A single file of any container, or a diffusers folder, whole or with some of its parts. Throws `bad_file`,
  /// `unsupported`; `bad_file` where there is no network at all.
  explicit ModelFiles(const std::filesystem::path& path, std::string_view variant = "");

  const std::filesystem::path& path() const { return path_; }
  bool has(PartKind part) const;
  /// Whether the UNet's averaged copies are there too.
  bool averaged() const;
  /// The tensors of a part that is there, under the names of a layout without any prefix, in the order of its table.
  /// Where transformers' names are asked for, the text tower's blocks that do not run, its projection and its scale are
  /// left out; SD 1 has those names in single files too. Throws `bad_file` naming what is missing.
  std::vector<RelaidTensor> relaid(PartKind part, Layout layout, Averages averages) const;
  /// Tensors of a single file that belong to no network of `kParts`: those whose names begin with one of the prefixes.
  std::vector<RelaidTensor> others(std::span<const std::string_view> prefixes) const;

  /// What adapters may change of a part; nothing where it is not there.
  AdaptedNetwork network(PartKind part) const;

  /// What all its parts say of themselves, put together.
  const Recognised& found() const { return found_; }
  /// What stands beside the weights, those that count most last.
  const std::vector<ModelSettings>& settings() const { return settings_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// The files of a part that is there.
  const WeightFiles& files_of(PartKind part) const { return *places_[static_cast<size_t>(part)]->files; }
  /// Every file that was opened.
  const std::vector<std::unique_ptr<WeightFiles>>& files() const { return files_; }
  /// What was chosen and should be said.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Place {
    const WeightFiles* files = nullptr;
    Layout layout = Layout::original;
    std::string prefix, inner;
  };
  void open_file();
  void open_folder(std::string_view variant);
  void take(const WeightFiles& files, const Recognised& found);
  KeyMap keys(PartKind part, const std::string& inner, bool used_alone) const;

  std::filesystem::path path_;
  std::vector<std::unique_ptr<WeightFiles>> files_;
  std::optional<Place> places_[3];
  Recognised found_;
  std::vector<ModelSettings> settings_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::string> notes_;
};

/// The prefix of a part in single files: "model.diffusion_model." and so on. SD 1's text tower has transformers' names.
std::string original_prefix(PartKind part, bool clip_l);

}  // namespace calotype

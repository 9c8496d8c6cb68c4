#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace calotype {

/// What is known of a file or folder of models without drawing with it.
struct IndexedModel {
  std::string path = {};                   // absolute
  int64_t bytes = 0, time = 0;             // of a folder: the sum of its weights, and when the latest was written
  std::string kind = {};                   // "model", "autoencoder", "LoRA", ...; empty: nothing that is known here
  std::string family = {};                 // of models
  std::string prediction = {}, from = {};  // and where it is known from
  std::string parts = {}, types = {};      // "unet, vae, text"; "F16"
  std::string license = {};
  std::string sha256 = {};  // empty until it was asked for; never of folders

  /// The file's stem, or the folder's name.
  std::string name() const;
  /// "NAME [0123456789]", as the web interface writes it, where the hash is known.
  std::string titled() const;
};

/// Looks into it. Never throws for what is in the file: then `kind` is empty.
IndexedModel look_into(const std::filesystem::path& path);

/// The index of folders of models, kept in a file: an entry holds while size and time do, so that a listing reads no
/// weights. Whatever is wrong with the kept file, it is made anew.
class ModelIndex {
 public:
  /// Where it is kept: $XDG_CACHE_HOME/calotype/models.json, or below ~/.cache.
  static std::filesystem::path usual_place();
  explicit ModelIndex(std::filesystem::path kept = usual_place());

  /// All models in a folder and in the folders in it, by name.
  std::vector<IndexedModel> models_in(const std::filesystem::path& folder);
  /// Works out and keeps the hash of a file; slow. Empty for folders.
  std::string hash(IndexedModel& model);
  /// Writes what has changed; a cache that cannot be written is none.
  void keep() noexcept;

 private:
  std::filesystem::path kept_;
  std::map<std::string, IndexedModel> known_;
  bool changed_ = false;
};

/// Those that a name stands for: a stem or a folder's name in any case, or "NAME [10hex]".
std::vector<IndexedModel> named(std::span<const IndexedModel> models, std::string_view asked);

/// The name of an official file by its SHA-256; empty for others.
std::string_view official_name(std::string_view sha256);

}  // namespace calotype

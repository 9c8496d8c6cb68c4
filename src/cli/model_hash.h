#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <string>

namespace calotype::cli {

/// The SHA-256 of a model's file, as pictures name it: worked out beside other work, once for each file; kept in
/// $XDG_CACHE_HOME/calotype/models.json for as long as size and time of change stay.
class ModelHash {
 public:
  /// Begins; a folder has none.
  explicit ModelHash(const std::filesystem::path& file);
  ModelHash(const ModelHash&) = delete;
  ModelHash& operator=(const ModelHash&) = delete;
  /// Gives up where it is not done.
  ~ModelHash() { stop_ = true; }

  /// The first ten digits; waits for them. Empty where there is none.
  std::string short_text();

 private:
  std::atomic<bool> stop_ = false;
  std::string text_;
  std::future<std::string> working_;
};

}  // namespace calotype::cli

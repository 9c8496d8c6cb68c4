#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "io/flat_toml.h"

namespace calotype {

/// A flat TOML file of numbers, words and switches. Whoever reads a key gives its default; a key that nobody read is an
/// error that names the keys there are, so that a slip of the pen does not train the wrong thing for a night.
class Settings {
 public:
  /// Throws `bad_file` where it is no TOML, over 1 MB, or not flat.
  explicit Settings(const std::filesystem::path& path);

  int64_t integer(const std::string& key, int64_t fallback, int64_t low, int64_t high);
  double number(const std::string& key, double fallback, double low, double high);
  bool flag(const std::string& key, bool fallback);
  std::string word(const std::string& key, const std::string& fallback);
  /// A file or folder; relative to the settings file. Required where the fallback is empty.
  std::filesystem::path path(const std::string& key, const std::string& fallback = "");

  /// Throws `bad_file` where the file has a key that nobody asked for.
  void check_all_read() const;
  /// All keys with the values in force, for logs and checkpoints.
  std::string text() const;
  const std::filesystem::path& file() const { return file_; }

 private:
  using Value = TomlValue;
  const Value* take(const std::string& key);
  template <class T>
  T remember(const std::string& key, T value);
  [[noreturn]] void wrong_kind(const std::string& key, const char* expected) const;

  std::filesystem::path file_;
  std::map<std::string, Value> values_;
  std::map<std::string, std::string> in_force_;
};

}  // namespace calotype

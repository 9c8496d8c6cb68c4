#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace calotype {

/// A file mapped read-only. Copies share the mapping; the last one gives it back. Pages are read when touched, shared
/// with other processes, and may be dropped by the kernel at any time.
class MappedFile {
 public:
  /// Throws `bad_file` when it cannot be opened or is no regular file. An empty file maps to no bytes.
  explicit MappedFile(const std::filesystem::path& path);
  std::span<const std::byte> bytes() const;
  const std::filesystem::path& path() const;
  /// Keeps the mapping alive; for storages that point into it.
  std::shared_ptr<const void> owner() const { return mapping_; }

  /// Gives back the pages of `bytes`, those apart that lie there only in part; reading brings them again. Bytes of no
  /// mapped file are left alone. Thread-safe, other readers included.
  static void let_go(std::span<const std::byte> bytes);

 private:
  struct Mapping;
  std::shared_ptr<const Mapping> mapping_;
};

}  // namespace calotype

#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace calotype {

/// A file that appears under its name only once it is whole. Until `commit` it has no name at all, so a program that is
/// killed leaves nothing; where the file system cannot do that, it is written beside under a temporary name and removed
/// by the destructor. All errors are `cannot_write`. Special files such as /dev/stdout are written to directly.
class OutputFile {
 public:
  explicit OutputFile(std::filesystem::path path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  /// Flushes to the disk and renames.
  void commit();
  /// The same, but where a file of that name is there already it stays, and the answer is no.
  bool commit_new();

 private:
  bool open_nameless();
  bool link_to(const std::filesystem::path& name) const;
  void flush();
  [[noreturn]] void fail_with_errno() const;
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  bool nameless_ = false;
};

/// A whole file of text.
void write_text(const std::filesystem::path& path, std::string_view text);

/// Removes temporary files of OutputFiles now open: for a signal handler's way out, after which the process ends.
void remove_unfinished_outputs() noexcept;

}  // namespace calotype

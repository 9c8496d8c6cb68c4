#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace calotype {

/// A folder of wildcards: NAME.txt holds a line a choice, in folders of any depth; empty lines and those that begin
/// with '#' are skipped. Files are read when they are asked for, and once.
class WildcardFolder {
 public:
  /// Throws `bad_file` where this is no folder.
  explicit WildcardFolder(std::filesystem::path folder);

  /// The lines of a name, which '/' parts into folders; '*' stands for any part of a name between two of them. Throws
  /// `bad_input` where nothing has that name, or it would leave the folder; `bad_file` for a file that cannot be read
  /// or has more than 16 MB.
  const std::vector<std::string>& lines(const std::string& name);

 private:
  std::vector<std::string> read_lines(const std::filesystem::path& file) const;
  const std::vector<std::string>& names();

  std::filesystem::path folder_;
  std::vector<std::string> names_;
  bool listed_ = false;
  std::map<std::string, std::vector<std::string>> known_;
};

}  // namespace calotype

#include "text/wildcard_folder.h"

#include <algorithm>
#include <fstream>

#include "base/error.h"
#include "text/grammar.h"
#include "text/unicode.h"

namespace calotype {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 100'000;
constexpr std::streamoff kMostBytes = 16 << 20;

std::string shown(std::string_view text) {
  std::string safe = encode_utf8(decode_utf8(text.substr(0, 80)));
  for (char& c : safe)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return safe;
}

/// Does `name` fit a pattern in which '*' stands for anything but '/'? Each star is tried from the left, and only the
/// last one again, as is enough.
bool fits(std::string_view name, std::string_view pattern) {
  size_t n = 0, p = 0, star = pattern.npos, again = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      again = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != pattern.npos && name[again] != '/') {
      p = star + 1;
      n = ++again;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

/// Folders and a name, none of them hidden, empty or a way out.
bool stays_inside(std::string_view name) {
  if (name.empty() || name.find('\\') != name.npos || name.find('\0') != name.npos) return false;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('/', at), name.size());
    if (end == at || name[at] == '.') return false;
    at = end + 1;
  }
  return true;
}

}  // namespace

WildcardFolder::WildcardFolder(fs::path folder) {
  std::error_code error;
  require(fs::is_directory(folder, error), ErrorKind::bad_file, "{}: a folder of wildcards was expected",
          shown(folder.string()));
  folder_ = fs::canonical(folder, error);
  if (error) folder_ = std::move(folder);
}

const std::vector<std::string>& WildcardFolder::names() {
  if (listed_) return names_;
  listed_ = true;
  std::error_code error;
  fs::recursive_directory_iterator at(folder_, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && at != end && names_.size() < kMostFiles;
       at.increment(error)) {
    if (at.depth() > 16) at.disable_recursion_pending();
    fs::path name = at->path().lexically_relative(folder_);
    if (name.extension() != ".txt") continue;
    const std::string text = name.replace_extension().generic_string();
    if (stays_inside(text)) names_.push_back(text);
  }
  std::ranges::sort(names_);
  return names_;
}

std::vector<std::string> WildcardFolder::read_lines(const fs::path& file) const {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  const auto [folder_end, rest] = std::ranges::mismatch(folder_, real);
  require(!error && folder_end == folder_.end() && fs::is_regular_file(real, error), ErrorKind::bad_file,
          "wildcards: {} is no file inside the folder", shown(file.string()));
  std::ifstream stream(real, std::ios::binary | std::ios::ate);
  require(stream && stream.tellg() <= kMostBytes, ErrorKind::bad_file,
          "wildcards: {} cannot be read, or has more than {} bytes", shown(file.string()), kMostBytes);
  stream.seekg(0);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    if (lines.empty() && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (!line.empty() && line[0] != '#') lines.push_back(std::move(line));
  }
  return lines;
}

const std::vector<std::string>& WildcardFolder::lines(const std::string& name) {
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  require(stays_inside(name), ErrorKind::bad_input, "wildcards: __{}__ does not name a file inside the folder",
          shown(name));
  std::vector<std::string> found;
  if (name.find('*') == name.npos) {
    std::error_code error;
    const fs::path file = folder_ / (name + ".txt");
    if (fs::exists(file, error)) found = read_lines(file);
  } else {
    for (const std::string& each : names())
      if (fits(each, name)) {
        const std::vector<std::string> some = read_lines(folder_ / (each + ".txt"));
        found.insert(found.end(), some.begin(), some.end());
        require(found.size() <= 10'000'000, ErrorKind::bad_input, "wildcards: __{}__ has too many lines", shown(name));
      }
  }
  if (found.empty()) {
    std::string some;
    for (size_t i = 0; i < std::min<size_t>(names().size(), 8); ++i) some += (i == 0 ? "" : ", ") + names_[i];
    fail(ErrorKind::bad_input, "wildcards: __{}__ names no file with lines in {}; there {}", shown(name),
         shown(folder_.string()), some.empty() ? "are none" : "are " + some + (names_.size() > 8 ? ", .." : ""));
  }
  return known_[name] = std::move(found);
}

}  // namespace calotype
